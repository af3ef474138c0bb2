package personality

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/limits"
	"github.com/warg-trillian/warg-trillian/personality/outbound"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/tracing"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Options are what a registry needs to know to open. The command's
// configuration fills them; nothing here has a default.
//
// A setting of one part is a field of that part's own options, and of no other.
// What else these hold, the parts that a part works with, is filled in by [Open].
type Options struct {
	// DataDir is the folder of this process; only one at a time has it. It exists.
	DataDir string
	// OperatorKeys sign the operator's records and all checkpoints: of those that the
	// operator log permits to, the newest. A new registry begins with the first.
	OperatorKeys []protocol.Signer
	// NewOperatorKey, if not nil, makes the operator key, and OperatorKeys are not
	// used. It is called for a registry that has no records yet, and for no other:
	// [Open] fails with [ErrNoOperatorKey] then.
	NewOperatorKey func() (protocol.PrivateKey, error)
	// ReloadOperatorKeys returns the keys anew for [Server.Reload]; nil: they stay.
	ReloadOperatorKeys func() ([]protocol.Signer, error)

	// Notes says how the notes of the two logs are signed.
	Notes Notes
	// Witnesses says who cosigns them.
	Witnesses Witnesses

	// Database is where the registry's own state is kept: a [store.SQLite] or a
	// [store.MySQL]. Several processes may share the latter, and then a Trillian.
	Database store.Database
	// Trillian is where the logs are: an [EmbeddedTrillian] or a [RemoteTrillian].
	Trillian Trillian

	// Namespaces are recorded in the operator log if they are not yet.
	Namespaces admission.Namespaces
	// AuthorizedKeysFile is the TOML file of keys that may publish; empty lets
	// every key publish. [Server.Reload] reads it again.
	AuthorizedKeysFile string
	// TokensFile holds the hashes of the bearer tokens of a private registry;
	// empty for a public one. [Server.Reload] reads it again.
	TokensFile string

	// RegistriesFile names other registries that this one answers for, see package
	// federation; empty: it answers for itself. It is read at the start.
	RegistriesFile string

	// CacheBytes bounds what is kept in memory of what was read and will be read
	// again; 0: nothing is kept.
	CacheBytes int64

	// Discovery: there is an index of what is in packages, and an API to ask it.
	Discovery bool
	// Web: there are pages for people, if there is an index.
	Web bool

	// RequireLicense refuses content that does not name its licence as an SPDX expression.
	// The content policy has to be [content.PolicyWasm].
	RequireLicense bool

	// Sources says whether content is fetched from where authors say that it is, and
	// Outbound how.
	Sources  Sources
	Outbound outbound.Options

	Content   content.Options
	Admission admission.Options
	Publisher publisher.Options
	API       httpapi.Options
	Limits    limits.Options

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

	promoting bool // a standby that becomes the registry
}
