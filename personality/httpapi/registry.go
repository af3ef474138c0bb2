package httpapi

import (
	"context"
	"io"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// Registry is what the API asks of a registry. The errors are those of package
// registry; see errors.go for what becomes of them.
type Registry interface {
	Admission
	Reader
	// Ready returns nil, or an error that says which part is not ready.
	Ready(ctx context.Context) error
	// Remarks are what is wrong with what a registry can be ready without, a line each.
	Remarks() []string
}

// Admission takes what may enter.
type Admission interface {
	// Publish accepts a record of the package log logID, which must be that of
	// name.
	Publish(ctx context.Context, logID protocol.Hash, name protocol.PackageName, env protocol.Envelope) (registry.RecordStatus, error)
	// PublishOperator accepts a record of the operator log.
	PublishOperator(ctx context.Context, env protocol.Envelope) (registry.RecordStatus, error)
	// PublishFrom is Publish, and has contents of the record fetched.
	PublishFrom(ctx context.Context, logID protocol.Hash, name protocol.PackageName, env protocol.Envelope, sources registry.SourceURLs) (registry.RecordStatus, error)
	// Withhold takes the operator's next statement that a content is withheld, or released
	// again.
	Withhold(ctx context.Context, s withheld.Signed) error
	// UploadContent takes content that a record names, and bounds its size. It
	// need not read what it does not want.
	UploadContent(ctx context.Context, logID, recordID, digest protocol.Hash, body io.Reader) error
}

// Reader gives what was published, and where records stand.
type Reader interface {
	// LatestCheckpoint returns the newest signed checkpoint.
	LatestCheckpoint(ctx context.Context) (protocol.SignedCheckpoint, error)
	// VerifyCheckpoint judges a checkpoint and its signature separately.
	VerifyCheckpoint(ctx context.Context, c protocol.ReceivedCheckpoint) (checkpoint, signature reader.Verdict, err error)
	// RecordStatus returns where a record stands. It may wait a moment for its
	// publication.
	RecordStatus(ctx context.Context, logID, recordID protocol.Hash) (registry.RecordStatus, error)

	FetchLogs(ctx context.Context, q reader.FetchLogsRequest) (reader.FetchLogsResponse, error)
	// Names returns one entry for each log, in any order.
	Names(ctx context.Context, logIDs []protocol.Hash) ([]reader.NamedLog, error)
	// Leaves returns up to count leaves from start on, none beyond the newest
	// checkpoint.
	Leaves(ctx context.Context, start uint64, count int) ([]protocol.LogLeaf, error)

	// ProveInclusion returns encoded bundles for leaves of the log and their
	// entries in the map, as of the checkpoint with that length.
	ProveInclusion(ctx context.Context, logLength uint64, leafIndices []uint64) (logBundle, mapBundle []byte, err error)
	// ProveConsistency returns an encoded bundle.
	ProveConsistency(ctx context.Context, from, to uint64) (bundle []byte, err error)

	// LogNote returns the newest signed note of a log.
	LogNote(ctx context.Context, log tlog.Log) ([]byte, error)
	// LogFile returns a tile or a bundle of entries of a log.
	LogFile(ctx context.Context, log tlog.Log, f tlog.File) ([]byte, error)
	// RecordProof returns a .tlog-proof of a release.
	RecordProof(ctx context.Context, name protocol.PackageName, version string) ([]byte, error)
	// Envelopes returns names and envelopes of leaves of the records log from start on:
	// up to count, or as many as have about maxBytes, and one at least.
	Envelopes(ctx context.Context, start uint64, count, maxBytes int) ([]tlog.NamedEnvelope, error)

	// Withheld returns a page of the operator's statements on content.
	Withheld(ctx context.Context, from uint64) (withheld.Page, error)
	// HasContent returns the size of a content in bytes.
	HasContent(ctx context.Context, digest protocol.Hash) (size int64, err error)
	// ContentURL returns where a content can be fetched instead, for a while; empty:
	// nowhere else.
	ContentURL(ctx context.Context, digest protocol.Hash) (string, error)
	// UploadURL returns where content for a record may also be put, with HTTP PUT;
	// empty: nowhere.
	UploadURL(ctx context.Context, logID, recordID, digest protocol.Hash) (string, error)
	// ContentSources returns URLs of others where a content may be had, too.
	ContentSources(ctx context.Context, digest protocol.Hash) ([]string, error)
	// OpenContent opens a content for reading. The caller closes it.
	OpenContent(ctx context.Context, digest protocol.Hash) (io.ReadSeekCloser, time.Time, error)
}
