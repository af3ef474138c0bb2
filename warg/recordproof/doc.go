// Package recordproof makes and verifies proofs that travel with a released file:
// from the digest of its bytes to the record of a package that released it, to the
// leaf of that record in a registry's records log, to a tree head that the log and its
// witnesses have signed. Verifying takes no network and trusts neither the registry nor
// whoever handed over the proof: only the pinned keys of the log and of the witnesses.
// The package is pure: no I/O and no clock.
//
// A proof is a C2SP tlog-proof ([tlog.Proof], c2sp.org/tlog-proof). Its extra data are
// the records of the package from the first to the one with the release, as
// [tlog.EncodeEnvelopes] writes them, each with the name of the package. Nobody
// authenticates extra data, so [Verify] checks all of it: the records make a valid log
// by the rules of [protocol.PackageLog], the last one releases the digest, and its leaf
// is the entry that the proof is about.
package recordproof
