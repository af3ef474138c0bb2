// Package audit checks a registry and believes nothing that it says: an [Auditor]
// reads the records log from its first leaf, validates every record by the rules of
// the protocol, recomputes the roots of log and map at every checkpoint, and compares
// with that what the registry signed, serves as static files and answers on its API.
//
// A registry is read through a [Source]: over HTTP ([HTTPSource]) or from a folder with
// the same files ([FolderSource]). What is remembered from one round to the next is in a
// [Store]. One call of [Auditor.Round] goes from there to the newest tree head:
//
//	source, err := audit.NewHTTPSource("https://registry.example.com", audit.HTTPOptions{})
//	auditor, err := audit.New(source, new(audit.MemoryStore), audit.Options{OperatorKey: key, VKeys: vkeys})
//	report, err := auditor.Round(ctx)
//
// An error of Round says that the registry could not be audited: it did not answer, or
// the store failed. A lie is no error but a [Finding] in the [Report], with a stable
// [Name]. What the source does not offer is in Report.Unchecked, with the reason. A
// finding stops what depends on it; the rest goes on.
//
// # What is read
//
// From a registry with static files (package tlog): the signed notes of both logs, the
// tiles, which are verified against the root in the note from the top down before
// anything below them is used, the entries, which must hash to them, and the envelopes,
// which must hash to the entries. At each checkpoint that the checkpoints log names the
// replay stops and compares both roots. Beside it, if the v1 API answers: its latest
// checkpoint, the logs of the packages that have changed, proofs, content.
//
// From a registry without them (such as the reference server): the leaves come from
// v1/ledger and must give the log root of the latest signed checkpoint, the records come
// from v1/fetch/logs. Map roots in between can not be checked then.
//
// # Evidence
//
// The evidence of a finding is one JSON document with all that it takes to see the
// contradiction again, without the registry: [Check] computes it anew with the function
// that made the finding. Where the registry signed what contradicts, the document has the
// signed statements and proofs that lead to them, and Finding.Signed is true. Where an
// answer was not signed, it is in the document, and that the registry gave it rests on
// whoever recorded it. A digest over the document refuses it after any change.
//
// A leaf of the log commits to the content of a record, and not to the key id and the
// signature beside it, nor does it say which records of the package there are. So that a
// record is signed wrongly, or follows the wrong one, is never Finding.Signed.
//
// Several statements in one document must be of one registry: notes and entries of the
// checkpoints log by their origins, and by one key for each log; signed checkpoints by one
// key, or by the operator records that let their keys sign, which the log of a note has.
// Statements of two registries prove nothing; where it is open, the finding is not signed.
//
// Finding.Rests says what rests on whoever recorded the evidence, and is empty if
// Finding.Signed. Check does not know whose keys these are: compare each of Finding.Keys
// with those that you have from the operator.
//
// # Rounds
//
// A lie that lasts, such as a tile that is withheld, is found again in each round; one in
// the log, such as an invalid record, once. What was right is looked at again in parts, all
// of it within [Options.CheckAgain]: answers of the API for each log, contents, static
// files. A store is for one registry: another one is [ErrOtherRegistry], and no lie.
package audit
