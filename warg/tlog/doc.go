// Package tlog reads and writes what a registry serves of its two logs as static
// files, so that anybody can audit or mirror it from a file server: tree heads as
// signed notes, tiles of hashes, bundles of entries and of envelopes, and proofs that
// travel with a file. It is pure: no I/O and no clock, but for the time that an
// ML-DSA signature holds.
//
// The formats are those of C2SP (c2sp.org): signed-note, tlog-checkpoint, tlog-tiles
// and tlog-proof, with one kind of file more ([EnvelopesPath]).
package tlog
