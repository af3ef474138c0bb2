// Package withheld holds the statements by which an operator withholds the bytes of a
// content, such as one that the law forbids to hand out, or releases them again. Records
// and proofs stay: only the bytes are answered with status 451 (RFC 7725). The protocol has
// no record for it.
//
// The statements of a registry are a chain: each has the number and the hash of the one
// before it, the registry's identity, a time, and a signature by a key that may sign its
// checkpoints. So none can be replayed, moved to another registry, or left out unseen by
// whoever has seen a later one. A signature can not say that there is no later one.
//
// The package is pure: no I/O, no clock.
package withheld
