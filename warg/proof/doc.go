// Package proof turns RFC 6962 proofs, as Trillian answers them, into the proof
// bundles of the warg protocol, and verifies such bundles. It is pure: no I/O,
// no clock, no state.
//
// A bundle of the log names tree nodes by their in-order number: leaf i is node
// 2i, and a node of height h over the leaves from s on is node 2s + 2^h - 1
// (the numbering of Dat and of RFC 9420's tree math). A log of n leaves is a
// list of perfect subtrees, one for each bit that is set in n; their roots, left
// to right, are the balanced roots of the log at that length. RFC 6962 folds
// the balanced roots, from the right, into the log root. A bundle never holds a
// folded hash: a proof in it goes from a node up to the balanced root above it,
// and every other balanced root stands for itself.
//
// The reference is the Rust crate warg-transparency 0.10.0.
package proof
