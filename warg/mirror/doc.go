// Package mirror copies the static files of a registry's two logs into a folder.
//
// [Export] believes nothing: each file is verified against a tree head that the log
// has signed before it is written, tiles against the tiles above them, entries and
// envelopes against tiles, and the tree head against the one that the folder has. The
// folder is laid out as a registry serves it (c2sp.org/tlog-tiles, and bundles of
// envelopes as package tlog describes them), so that any file server over it is a
// registry for those who read the logs.
//
// An export is no audit. Of records it reads those of the operator, for the keys that sign
// statements on withheld content, and what is released; it can not tell whether others are
// valid. And as a leaf is the hash of a record without its signature, a wrong signature
// in a bundle of envelopes is copied, for an audit of the folder to find.
//
// In the folder are, besides these files:
//
//   - tlog/<log>/vkeys: the public keys that verify the notes, a line each. They are
//     those that were pinned, or else those that the registry served at that path when
//     it was first met.
//   - content/sha256-<hex>: released content, if it was asked for, at the path where a
//     registry serves it.
//   - withheld.jsonl: the operator's statements on withheld content, verified by the operator
//     log, if there are any. What they withhold is not copied.
//   - .export: what an export remembers for the next one.
package mirror
