package personality

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/index"
	"github.com/warg-trillian/warg-trillian/personality/internal/parts"
	"github.com/warg-trillian/warg-trillian/personality/metrics"
	"github.com/warg-trillian/warg-trillian/personality/policy"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/store"
)

// resignInterval is how often an idle registry signs its last checkpoint again.
const resignInterval = 5 * time.Minute

// Server is a registry with everything that it runs on.
type Server struct {
	options  Options
	registry *parts.Registry
	private  *httpapi.Private // nil: public
	handler  http.Handler
	closers  []func() error // in the order of opening

	rebuilding bool // nothing new is to be begun
}

// Open opens the registry in a data folder, makes it if it is not there, and
// sees to its operator log. Only one process at a time may have a data folder
// open. Nothing is published until [Server.Run].
func Open(ctx context.Context, o Options) (s *Server, err error) {
	s, observer, err := openRegistry(ctx, o, false)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err != nil {
		return s, err
	}
	if err := s.registry.InitOperatorLog(ctx, namespaces(o)); err != nil {
		return s, err
	}
	if s.private, err = openPrivate(o); err != nil {
		return s, err
	}
	if err := s.Reload(); err != nil {
		return s, err
	}
	o = s.options
	s.handler = o.Tracing.Handler(o.Limits.transfers(httpapi.New(s.registry, httpapi.Options{
		BaseURL: o.BaseURL, ContentBaseURL: o.ContentBaseURL, MaxBody: o.Limits.MaxBodySize, MaxItems: cmp.Or(o.Limits.MaxNames, math.MaxInt), MaxContent: o.MaxContentSize, Logger: o.Logger,
		Limits: o.Limits.api(), Private: s.private, Observer: observer,
	})))
	return s, nil
}

// Rebuild fills the database of a registry from its Trillian logs, if it is lost
// or behind them. No other process may serve the registry meanwhile. progress is
// told how many records are done, of how many.
func Rebuild(ctx context.Context, o Options, progress func(done, total uint64)) (err error) {
	s, _, err := openRegistry(ctx, o, true)
	defer func() { err = errors.Join(err, s.Close()) }()
	if err != nil {
		return err
	}
	return s.registry.Rebuild(ctx, progress)
}

// openRegistry opens what a registry runs on. The server that it returns is to
// be closed, even on error.
func openRegistry(ctx context.Context, o Options, rebuilding bool) (*Server, *metrics.Metrics, error) {
	o.Logger = slog.New(httpapi.LogRequestIDs(o.Logger.Handler()))
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry() // that nobody asks
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	observer := newMetrics(o.Metrics)
	s := &Server{options: o, rebuilding: rebuilding}
	if err := s.lockDataDir(); err != nil {
		return s, nil, err
	}
	p, err := s.openParts(ctx)
	if err != nil {
		return s, nil, err
	}
	p.Publisher.Observer = observer
	s.registry = parts.New(p)
	metrics.Watch(o.Metrics, standing{s.registry}, o.Now)
	return s, observer, nil
}

// lockDataDir makes sure that no other process works in the data folder.
func (s *Server) lockDataDir() error {
	name := filepath.Join(s.options.DataDir, "lock")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("the data folder is not writable: %w", err)
	}
	s.closers = append(s.closers, f.Close)
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("data folder %s is in use by another process: stop that one, or give this one a folder of its own with --data-dir", s.options.DataDir)
	}
	return nil
}

func (s *Server) openParts(ctx context.Context) (parts.Options, error) {
	o := s.options
	p := parts.Options{
		Index:       index.NewTree(index.DefaultCacheTiles),
		OperatorKey: o.OperatorKey,
		Now:         o.Now,
		Logger:      o.Logger,
		Admission:   admission.Options{UploadTimeout: o.UploadTimeout, MaxQueue: o.Limits.MaxQueue},
		Publisher:   publisher.Options{CheckpointInterval: o.CheckpointInterval, ResignInterval: resignInterval},
	}
	var err error
	if o.DatabaseURL == "" {
		p.Store, err = store.OpenSQLite(ctx, filepath.Join(o.DataDir, "registry.db"))
	} else {
		p.Publisher.SharedStore = true
		p.Store, err = store.OpenMySQL(ctx, o.DatabaseURL, store.MySQLOptions{Logger: o.Logger})
	}
	if err != nil {
		return p, err
	}
	s.closers = append(s.closers, p.Store.Close)
	if err := s.openTrillian(ctx, &p); err != nil {
		return p, err
	}
	return p, s.openContent(ctx, &p)
}

func (s *Server) openContent(ctx context.Context, p *parts.Options) error {
	folder, err := content.OpenFolder(s.options.ContentDir, s.options.MaxContentSize)
	if err != nil {
		return err
	}
	p.Contents = folder
	if s.options.ContentPolicy == "none" {
		return nil
	}
	wasm, err := content.NewWasmPolicy(ctx, filepath.Join(s.options.DataDir, "cache"))
	if err != nil {
		return fmt.Errorf("start the WebAssembly content policy: %w", err)
	}
	s.closers = append(s.closers, func() error { return wasm.Close(context.Background()) })
	p.Admission.CheckContent = wasm.Check
	return nil
}

func namespaces(o Options) admission.Namespaces {
	n := admission.Namespaces{Defined: o.Namespaces}
	for _, i := range o.ImportedNamespaces {
		n.Imported = append(n.Imported, admission.ImportedNamespace{Namespace: i.Name, Registry: i.Registry})
	}
	return n
}

// Handler serves the registry's HTTP API.
func (s *Server) Handler() http.Handler { return s.handler }

// Run publishes what is accepted until ctx ends.
func (s *Server) Run(ctx context.Context) error { return s.registry.Run(ctx) }

// Reload reads the authorized keys and the tokens again. What can not be read
// stays in force as it was read before.
func (s *Server) Reload() error {
	var tokens error
	if s.private != nil {
		tokens = s.private.Tokens.Reload()
	}
	return errors.Join(s.reloadKeys(), tokens)
}

func (s *Server) reloadKeys() error {
	if s.options.AuthorizedKeysFile == "" {
		return nil
	}
	keys, err := policy.LoadAuthorizedKeys(s.options.AuthorizedKeysFile)
	if err != nil {
		return err
	}
	s.registry.SetRecordPolicy(keys)
	return nil
}

// Close closes everything that Open opened. Run must have returned.
func (s *Server) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}
