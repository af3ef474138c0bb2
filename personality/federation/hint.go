package federation

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/cache"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// NameSource tells the names of logs of a registry; a name is empty if it is not known.
type NameSource interface {
	Names(ctx context.Context, logIDs []protocol.Hash) ([]reader.NamedLog, error)
}

// Bounds of hints.
const (
	hintTime  = 5 * time.Second  // for the other registries to say whether they have a log
	noHint    = 30 * time.Second // how long it is remembered that nobody knows a log
	askedOnce = 8                // logs that are being looked for at a time
)

// Hints tell where packages are that this registry imports. A log id is a hash of the
// package's name and does not say it; what gives the name is
//
//   - a registry that this one answers for, from which the namespace is imported, and
//     which has the package: its name is proved by the log id;
//   - a request that had the name ([Hints.ForName]).
//
// Without either there is no hint. Safe for concurrent use.
type Hints struct {
	imported func(context.Context) ([]protocol.Namespace, error)
	others   map[string]NameSource // by domain
	known    *cache.Map[protocol.Hash, hint]
	slots    chan struct{} // one for each log that is being looked for
	now      func() time.Time
	log      *slog.Logger
}

// hint is what is known of where a log is.
type hint struct {
	text string    // NAMESPACE=DOMAIN; "": nobody has it
	till time.Time // of one that says that nobody has it
}

// NewHints returns hints. imported returns the namespaces that the operator log has.
func NewHints(imported func(context.Context) ([]protocol.Namespace, error), c *cache.Cache, now func() time.Time, log *slog.Logger) *Hints {
	return &Hints{
		imported: imported, others: map[string]NameSource{}, slots: make(chan struct{}, askedOnce), now: now, log: log,
		known: cache.NewMap[protocol.Hash](c, 16, func(h hint) int64 { return int64(len(h.text)) }),
	}
}

// Add lets a registry be asked for the names of its logs.
func (h *Hints) Add(domain string, names NameSource) { h.others[strings.ToLower(domain)] = names }

// Hint implements [httpapi.Others].
func (h *Hints) Hint(ctx context.Context, logID protocol.Hash) string {
	if known, ok := h.known.Get(logID); ok && (known.text != "" || h.now().Before(known.till)) {
		return known.text
	}
	from, err := h.importedFrom(ctx)
	if err != nil {
		h.log.WarnContext(ctx, "it is not known which namespaces are imported, and so not where packages are", "error", err)
		return ""
	}
	if len(from) == 0 {
		return ""
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		return "" // rather no hint than a crowd before other registries
	}
	ctx, cancel := context.WithTimeout(ctx, hintTime)
	defer cancel()
	complete := true
	for domain, namespaces := range from {
		name, err := nameAt(ctx, h.others[domain], logID)
		if err != nil {
			h.log.DebugContext(ctx, "a registry does not say whether it has a log", "registry", domain, "error", err)
			complete = false
		}
		if as := namespaces[name.Namespace()]; as != "" {
			return h.remember(logID, name.Namespace()+"="+as)
		}
	}
	if complete {
		h.known.Put(logID, hint{till: h.now().Add(noHint)})
	}
	return ""
}

// ForName returns the hint for a package whose name was in a request; "" if its namespace
// is not imported. Requests for its log get the same hint for a while.
func (h *Hints) ForName(ctx context.Context, name protocol.PackageName) string {
	namespaces, err := h.imported(ctx)
	if err != nil {
		return ""
	}
	for _, n := range namespaces {
		if n.Imported && n.Name == name.Namespace() && protocol.CheckRegistryHost(n.Registry) == nil {
			return h.remember(name.LogID(), n.Name+"="+n.Registry)
		}
	}
	return ""
}

func (h *Hints) remember(logID protocol.Hash, text string) string {
	h.known.Put(logID, hint{text: text})
	return text
}

// importedFrom returns, for registries that can be asked, the namespaces that are imported
// from them, each with the domain as the operator log has it.
func (h *Hints) importedFrom(ctx context.Context) (map[string]map[string]string, error) {
	namespaces, err := h.imported(ctx)
	from := map[string]map[string]string{}
	for _, n := range namespaces {
		domain := strings.ToLower(n.Registry)
		if !n.Imported || h.others[domain] == nil {
			continue
		}
		if from[domain] == nil {
			from[domain] = map[string]string{}
		}
		from[domain][n.Name] = n.Registry
	}
	return from, err
}

// nameAt returns the name of a log at a registry; the zero value if it does not have it.
func nameAt(ctx context.Context, names NameSource, logID protocol.Hash) (protocol.PackageName, error) {
	found, err := names.Names(ctx, []protocol.Hash{logID})
	if err != nil || len(found) != 1 || found[0].Name == "" {
		return protocol.PackageName{}, err
	}
	name, err := protocol.ParsePackageName(found[0].Name)
	if err != nil || name.LogID() != logID {
		return protocol.PackageName{}, err // another one's name is nobody's
	}
	return name, nil
}
