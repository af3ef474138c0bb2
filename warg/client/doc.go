// Package client reads from and publishes to a warg registry over its v1 HTTP
// API, and trusts it with nothing that can be checked.
//
// Every call that reads a log fetches the latest checkpoint and demands, before
// it returns anything, that
//
//   - the operator log and the package log are valid, record by record, by the
//     rules of [protocol.OperatorLog] and [protocol.PackageLog];
//   - the checkpoint is signed by a key that the operator log gives the
//     permission to commit;
//   - the checkpoint is not shorter than the last one that was verified, and is
//     consistent with it;
//   - the heads of both logs are in the checkpoint's log, and its map says that
//     they are the heads;
//   - witnesses have cosigned the log with both heads, if [Options.Witnesses] asks
//     for it.
//
// A registry that fails any of them is refused with a [*VerificationError].
//
// What a client has verified it remembers in a [Store]. A registry can not take
// back what a store remembers, so a store that lasts ([OpenFolder]) protects
// better than one that ends with the process. Who the operator is, a client
// takes from [Options.OperatorKey], or else from its first contact with the
// registry: trust on first use.
//
// What the protocol can not prove: that a log does not exist, that the
// checkpoint is the newest one that there is (see [Options.MaxCheckpointAge]),
// and that others are shown the same log (which witnesses see to).
//
// # Errors
//
// Errors are told apart with [errors.As]:
//
//   - [*VerificationError]: the registry did not prove what it said.
//   - [*APIError]: the registry refused; it wraps the API's own error body, such
//     as [*api.FetchError] or [*api.PackageError].
//   - [*TransportError]: there was no answer, or none that can be read.
//   - [*StoreError]: the store failed, or what it holds is damaged.
//   - [*NotFoundError], [*ImportedNamespaceError], [*NoReleaseError],
//     [*ConflictError], [*RejectedError], [*MissingContentError]: see there.
//   - [*protocol.ValidationError]: a record that was to be signed breaks a rule
//     of its log. Nothing was sent.
//
// # Requests that are made again
//
// All requests of this package may be made twice without harm. One that gets
// the status 429 or 503 with a Retry-After header is made again after that time;
// one that breaks off is made again up to three times, after 100, 200 and
// 400 milliseconds; one that gets no answer in [Options.MaxIdle] is not. All waits of one request together are at most
// [Options.MaxWait]; a request that would have to wait longer fails with what
// the registry said, and [APIError.RetryAfter] has the time. A download that
// breaks off is not begun anew; [Client.DownloadFile] goes on to the next place
// that has the content.
package client
