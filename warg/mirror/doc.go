// Package mirror copies the static files of a registry's two logs into a folder, and
// reads them from a folder or over HTTP.
//
// [Export] believes nothing: each file is verified against a tree head that the log
// has signed before it is written, tiles against the tiles above them, entries and
// envelopes against tiles, and the tree head against the one that the folder has. The
// folder is laid out as a registry serves it (c2sp.org/tlog-tiles, and bundles of
// envelopes as package tlog describes them), so that any file server over it is a
// registry for those who read the logs.
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
