package personality

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/describe"
	"github.com/warg-trillian/warg-trillian/personality/discovery"
	"github.com/warg-trillian/warg-trillian/personality/discoveryapi"
	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/internal/cache"
	"github.com/warg-trillian/warg-trillian/personality/internal/parts"
	"github.com/warg-trillian/warg-trillian/personality/limits"
	"github.com/warg-trillian/warg-trillian/personality/metrics"
	"github.com/warg-trillian/warg-trillian/personality/objects"
	"github.com/warg-trillian/warg-trillian/personality/oci"
	"github.com/warg-trillian/warg-trillian/personality/policy"
	"github.com/warg-trillian/warg-trillian/personality/signing"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// republishInterval is how often an idle registry signs and publishes its last
// checkpoint again.
const republishInterval = 5 * time.Minute

// reloadTimeout bounds what is asked of the database for it.
const reloadTimeout = 10 * time.Second

// Server is a registry with everything that it runs on.
type Server struct {
	options  Options
	registry *parts.Registry
	db       *store.DB
	private  *httpapi.Private // nil: public
	cache    *cache.Cache     // nil: nothing is kept in memory
	handler  http.Handler
	closers  []func() error // in the order of opening

	witnesses *witnesses            // nil: nobody cosigns
	sandbox   *content.WasmPolicy   // of the content policy; nil: it takes anything
	discovery *discovery.Index      // nil: there is none
	vkeys     map[tlog.Log][]string // public note keys
	keys      *signing.Keys         // operator keys
	keysLack  atomic.Value          // string: why none of them may sign; see watchOperatorKeys

	others *others // nil: this registry answers for itself alone

	copied uint64 // statements on withheld content in the data folder; Open's, then Run's

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
	o = s.options
	if err := s.registry.InitOperatorLog(ctx, o.Namespaces); err != nil {
		return s, err
	}
	if err := s.restoreStatements(ctx); err != nil {
		return s, err
	}
	if s.private, err = s.openPrivate(ctx); err != nil {
		return s, err
	}
	if err := s.Reload(); err != nil {
		return s, err
	}
	o.API.Logger, o.API.Observer, o.API.MaxContent = o.Logger, observer, o.Content.MaxSize
	o.API.Limits, o.API.Private = apiLimits(o.Limits), s.private
	o.API.OCI = oci.New(s.registry, oci.Options{Cache: s.cache, Now: o.Now})
	o.API.VKeys = s.vkeys
	if err := s.openOthers(ctx, &o.API, observer); err != nil {
		return s, err
	}
	if o.Discovery {
		s.openDiscovery()
		var pages discoveryapi.Pages
		if o.Web {
			o.API.Web = s.newPages(o.API.BaseURL)
			pages = o.API.Web
		}
		o.API.Discovery = discoveryapi.New(s.discovery, pages)
	}
	o.API.FetchContent = o.Sources == CopySources || o.Sources == LinkSources
	s.handler = o.Tracing.Handler(transfers(o.Limits, httpapi.New(api{s.registry, s}, o.API)))
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

// complete fills in what need not be given.
func (o Options) complete() Options {
	o.Logger = slog.New(httpapi.LogRequestIDs(o.Logger.Handler()))
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry() // that nobody asks
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// openRegistry opens what a registry runs on. The server that it returns is to
// be closed, even on error.
func openRegistry(ctx context.Context, o Options, rebuilding bool) (*Server, *metrics.Metrics, error) {
	o = o.complete()
	observer := newMetrics(o.Metrics)
	s := &Server{options: o, rebuilding: rebuilding}
	if err := s.lockDataDir(); err != nil {
		return s, nil, err
	}
	p, err := s.openParts(ctx)
	if err != nil {
		return s, nil, err
	}
	p.Publisher.Observer, p.Admission.Observer = observer, observer
	if err := s.openWitnesses(ctx, &p, observer); err != nil {
		return s, nil, err
	}
	s.registry, s.cache = parts.New(p), p.Cache
	metrics.Watch(o.Metrics, standing{s.registry}, o.Now)
	metrics.WatchParts(o.Metrics, s.partsReady)
	metrics.WatchCache(o.Metrics, func() metrics.CacheStats { return metrics.CacheStats(p.Cache.Stats()) })
	return s, observer, nil
}

// partsReady says which parts work, by the names that metrics give them.
func (s *Server) partsReady(ctx context.Context) map[string]bool {
	ready := map[string]bool{}
	for _, c := range s.registry.Conditions(ctx) {
		ready[string(c.Part)] = c.Err == nil
	}
	return ready
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

// openParts opens what the three parts of the registry work with.
func (s *Server) openParts(ctx context.Context) (parts.Options, error) {
	o := s.options
	p := parts.Options{
		Cache:     cache.New(o.CacheBytes),
		Now:       o.Now,
		Logger:    o.Logger,
		Admission: o.Admission,
		Publisher: o.Publisher,
	}
	p.Publisher.RepublishInterval = republishInterval
	p.Publisher.SharedStore = o.Database.Shared()
	var err error
	if p.Store, err = o.Database.Open(ctx, o.Logger); err != nil {
		return p, err
	}
	s.db = p.Store
	s.closers = append(s.closers, p.Store.Close)
	if err := refuseMirror(ctx, p.Store, o.promoting); err != nil {
		return p, err
	}
	logs, err := o.Trillian.open(ctx, s, p.Store)
	if err != nil {
		return p, err
	}
	p.Records, p.Checkpoints, p.Publisher.InFlightPerLog = logs.records, logs.checkpoints, logs.inFlightPerLog
	if err := s.makeOperatorKey(ctx, p); err != nil {
		return p, err
	}
	s.keys = signing.New(s.options.OperatorKeys...)
	p.Keys = s.keys
	if err := s.openNoteKeys(ctx, &p); err != nil {
		return p, err
	}
	// Content of a private registry that this server hands out is nobody else's.
	o.Content.Private = o.TokensFile != "" && o.API.ContentBaseURL == ""
	o.Content.OpenObjects = objects.Open
	contents, err := content.Open(ctx, o.Content)
	if err != nil {
		return p, err
	}
	s.closers = append(s.closers, contents.Close)
	s.sandbox = contents.Wasm
	p.Contents, p.Admission.CheckContent = contents, contents.Check
	if o.RequireLicense {
		if s.sandbox == nil {
			return p, errors.New("licences can be required of WebAssembly only: the content policy has to be wasm")
		}
		p.Admission.CheckContent = describe.New(s.sandbox).RequireLicense()
	}
	if contents.Bucket != nil && o.Content.Direct {
		p.Admission.Direct = contents.Bucket
	}
	if contents.Bucket != nil && o.Content.Redirect {
		p.DownloadURL = contents.Bucket.DownloadURL
	}
	o.setSources(&p)
	p.Admission.ClientOf = func(ctx context.Context) string {
		if client := limits.ClientOf(ctx); client.IsValid() {
			return client.String()
		}
		return ""
	}
	return p, nil
}

// Handler serves the registry's HTTP API.
func (s *Server) Handler() http.Handler { return s.handler }

// api is the registry as its HTTP API sees it.
type api struct {
	*parts.Registry
	server *Server
}

// Remarks implements [httpapi.Registry].
func (a api) Remarks() []string { return a.server.Remarks() }

// Ready returns nil if the registry accepts, publishes and serves, and else an
// error that says which part does not. It is ready some time after Run began.
func (s *Server) Ready(ctx context.Context) error { return s.registry.Ready(ctx) }

// Remarks are what is wrong with what is no part of serving and publishing here, such as a
// witness that does not cosign, or operator keys with which only another process can
// publish: a line each.
func (s *Server) Remarks() []string {
	lines := s.registry.Publisher.Remarks()
	if lack, _ := s.keysLack.Load().(string); lack != "" {
		lines = append(lines, lack)
	}
	if s.witnesses != nil {
		lines = append(lines, s.witnesses.remarks()...)
	}
	if s.others != nil {
		lines = append(lines, s.others.remarks()...)
	}
	if s.discovery != nil {
		lines = append(lines, s.discovery.Remarks()...)
	}
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], "\n", "; ")
	}
	return lines
}

// Run publishes what is accepted, and has it cosigned, until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	var beside sync.WaitGroup
	if s.witnesses != nil {
		beside.Go(func() { s.witnesses.Run(ctx) })
	}
	if s.others != nil {
		beside.Go(func() { s.others.run(ctx, s.options.Logger) })
	}
	beside.Go(func() { s.keepStatementsCopied(ctx) })
	beside.Go(func() { s.watchOperatorKeys(ctx) })
	if s.discovery != nil {
		beside.Go(func() { s.discovery.Run(ctx) })
	}
	err := s.registry.Run(ctx)
	beside.Wait()
	return err
}

// Reload reads the operator keys, the authorized keys, the tokens, the witness policy and
// the registries file again. What can not be read stays in force as it was read before.
func (s *Server) Reload() error {
	var tokens error
	if s.private != nil {
		tokens = s.private.Tokens.Reload()
	}
	var policy error
	if s.witnesses != nil {
		ctx, cancel := context.WithTimeout(context.Background(), reloadTimeout)
		defer cancel()
		policy = s.witnesses.reload(ctx)
	}
	var others error
	if s.others != nil {
		ctx, cancel := context.WithTimeout(context.Background(), reloadTimeout)
		defer cancel()
		others = s.others.reload(ctx, s.options.Logger)
	}
	return errors.Join(s.reloadOperatorKeys(), s.reloadKeys(), tokens, policy, others)
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
