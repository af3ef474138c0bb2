package personality

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warg-trillian/warg-trillian/personality/tracing"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Options are what a registry needs to know to open. The command's
// configuration fills them; nothing here has a default.
type Options struct {
	// DataDir is the folder of the registry's own data. It exists.
	DataDir string
	// DatabaseURL is a MySQL or MariaDB data source name; empty: SQLite in
	// DataDir. Several processes may share a database, and then a Trillian.
	DatabaseURL string
	// Trillian is the log server; without a Target, Trillian runs in this
	// process, with its data in DataDir.
	Trillian trilliansvc.Options
	// RecordsTree and CheckpointsTree are the ids of existing trees to use at
	// the first start; 0: new ones. Only for a Trillian elsewhere.
	RecordsTree, CheckpointsTree int64
	// OperatorKey signs the operator's records and all checkpoints.
	OperatorKey protocol.PrivateKey

	// Namespaces are defined in the operator log if they are not yet.
	Namespaces []string
	// ImportedNamespaces are recorded in the operator log as served elsewhere.
	ImportedNamespaces []ImportedNamespace
	// AuthorizedKeysFile is the TOML file of keys that may publish; empty lets
	// every key publish. [Server.Reload] reads it again.
	AuthorizedKeysFile string
	// TokensFile holds the hashes of the bearer tokens of a private registry;
	// empty for a public one. [Server.Reload] reads it again.
	TokensFile string

	// ContentDir is the folder of package content; made if missing.
	ContentDir string
	// ContentBaseURL is where clients download content, without a trailing
	// slash; empty means this server.
	ContentBaseURL string
	// BaseURL is where clients reach this registry, without a trailing slash;
	// empty means the host that each request names.
	BaseURL string
	// ContentPolicy is "wasm" (valid WebAssembly) or "none" (anything).
	ContentPolicy string
	// MaxContentSize is the largest content accepted, in bytes.
	MaxContentSize int64
	// UploadTimeout is how long a record may wait for its content before it is
	// rejected.
	UploadTimeout time.Duration

	// CheckpointInterval is the shortest time between two checkpoints.
	CheckpointInterval time.Duration

	Limits Limits

	// Now is the clock; nil: this machine's. One that steps does no harm: the
	// times of checkpoints never go back, and another process takes over where
	// this one waits for a time that has been.
	Now func() time.Time
	// Logger takes all messages. Those about a request get its request_id.
	Logger *slog.Logger
	// Metrics is where the metrics of this registry, and of no other, are
	// registered; nil: nowhere.
	Metrics prometheus.Registerer
	// Tracing traces requests down to Trillian; nil: nothing is traced.
	Tracing *tracing.Tracing
}

// ImportedNamespace is a namespace that another registry serves, and the
// domain of that registry.
type ImportedNamespace struct {
	Name     string
	Registry string
}

// Ready returns nil if the registry accepts, publishes and serves, and else an
// error that says which part does not. It is ready some time after Run began.
func (s *Server) Ready(ctx context.Context) error { return s.registry.Ready(ctx) }
