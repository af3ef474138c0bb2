// Package protocol is the warg package protocol without I/O and without a
// clock: hashes and identifiers, names, keys and signatures, records and their
// signed envelopes, the rules that make a log of records valid, checkpoints.
//
// There is no prose specification of the protocol. The published Rust crates
// warg-crypto and warg-protocol 0.10.0 are the reference; the golden vectors
// in testdata/vectors (at the top of the repository) were made with them and decide.
package protocol
