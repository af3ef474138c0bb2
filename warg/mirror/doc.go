// Package mirror copies the static files of a registry's two logs into a folder.
//
// [Export] believes nothing: each file is verified against a tree head that the log
// has signed before it is written, tiles against the tiles above them, entries and
// envelopes against tiles, and the tree head against the one that the folder has. The
// folder is laid out as a registry serves it (c2sp.org/tlog-tiles, and bundles of
// envelopes as package tlog describes them), so that any file server over it is a
// registry for those who read the logs.
//
// An export is no audit. It reads no record, so it can not tell whether records are
// valid; and as a leaf is the hash of a record without its signature, a wrong signature
// in a bundle of envelopes is copied, for an audit of the folder to find.
//
// In the folder are, besides these files:
//
//   - tlog/<log>/vkeys: the public keys that verify the notes, a line each. They are
//     those that were pinned, or else those that the registry served at that path when
//     it was first met.
//   - content/sha256-<hex>: released content, if it was asked for, at the path where a
//     registry serves it.
//   - .export: what an export remembers for the next one.
package mirror
