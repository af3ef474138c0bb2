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
// Statements by a key that was revoked go on to count, for what it signed while it held
// commit was right, and no statement proves when it was made. So whoever has stolen a key
// that was revoked since can make statements behind the newest, but can not have a registry
// take them. To whom he shows them, or leaves the newest out, sees two lists: that is what
// auditors, and mirrors, look for.
//
// The package is pure: no I/O, no clock.
package withheld
