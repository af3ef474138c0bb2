// Package mirror holds a verified copy of another registry, which goes on answering when
// that is gone: with the other registry's own signed checkpoints, and with proofs that are
// made here.
//
// It follows the other registry, its upstream, by asking for its newest checkpoint from
// time to time. A new one is verified by package client: signed by a key that the operator
// log permits to, which begins with the key that is pinned; consistent with the last one
// that was seen, which is kept on disk; and cosigned, if witnesses are demanded. The records
// behind it come as bundles of envelopes, where the upstream has static files (package
// tlog), and else from the ledger and the package logs of the v1 API. [publisher.Mirror]
// recomputes both roots from them, validates each record, and publishes the checkpoint.
//
// An upstream that goes back, forks its log, signs with a key that may not, or gives what
// does not hold, gets caught: nothing of that is published, the last good state goes on
// being served, and the log, the metrics and the remarks of the registry say so.
package mirror
