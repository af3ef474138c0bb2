// Package proxy answers for another registry by asking it each time, over its v1 API, and
// passes on nothing that it has not verified:
//
//   - checkpoints: by the pinned operator key, the operator log, the signature, witnesses if
//     they are demanded, who have cosigned its log to the end, and by consistency with the last
//     one that was seen, which is kept on disk: a registry that goes back is caught across
//     restarts (package client);
//   - records: every package log is replayed from its beginning, and its head proved to be
//     in the log and the map of the checkpoint;
//   - proofs: against roots that are known, or that follow from a proof against them;
//   - leaves: the log of that many leaves is proved to be a prefix of the checkpoint's;
//   - content: by its digest while it streams; the last byte goes out when all is verified.
//
// What can not be proved by the protocol is passed on as the other registry says it: that a
// log does not exist, how large a content is, and where the records of a package before its
// last are in the log (the proof for a client that asks for such a head later shows it).
//
// A registry that proves otherwise, or nothing, gets caught: the answer is
// [registry.UpstreamError], the log and the metrics say so, and so do the remarks of this
// registry from then on. What was verified before stays.
//
// Checkpoints are asked for at most once in [Fresh]; records, proofs and leaves as of a
// checkpoint never change and are kept within a bound on their bytes.
package proxy
