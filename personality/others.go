package personality

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/federation"
	"github.com/warg-trillian/warg-trillian/personality/federation/proxy"
	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/limits"
	"github.com/warg-trillian/warg-trillian/personality/metrics"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// readingProxied is how many fetches and proofs of one registry that is asked for each are
// worked on at a time. They have turns of their own, so that a slow registry keeps nobody
// from this one.
const readingProxied = 8

// others are the registries that this one answers for: a table of them, which another takes
// the place of when the registries file is read again. Safe for concurrent use.
type others struct {
	table atomic.Pointer[othersTable]
	// read reads the registries file, and opens what is not in a table that there is.
	read func(ctx context.Context, before *othersTable) (*othersTable, error)
}

// othersTable is what the registries file said. It does not change.
type othersTable struct {
	router  *federation.Router
	list    []other
	restart []string // domains of mirrors for which the file says something else than is done
}

type other struct {
	federation.Registry
	federation.Other
	handler http.Handler
}

// For implements [httpapi.Others].
func (o *others) For(r *http.Request, domain string) (http.Handler, error) {
	return o.table.Load().router.For(r, domain)
}

// Hint implements [httpapi.Others].
func (o *others) Hint(ctx context.Context, logID protocol.Hash) string {
	return o.table.Load().router.Hint(ctx, logID)
}

// ForName implements [httpapi.Others].
func (o *others) ForName(ctx context.Context, name protocol.PackageName) string {
	return o.table.Load().router.ForName(ctx, name)
}

// run does what is to be done for each until ctx ends. That is for mirrors alone, which are the
// same as long as the process runs.
func (o *others) run(ctx context.Context, log *slog.Logger) {
	var running sync.WaitGroup
	for _, one := range o.table.Load().list {
		if one.Mode != federation.Mirror {
			continue
		}
		running.Go(func() {
			if err := one.Run(ctx); err != nil && ctx.Err() == nil {
				log.Error("nothing more is done for another registry until this one is restarted", "registry", one.Domain, "error", err)
			}
		})
	}
	running.Wait()
}

// remarks are those of all of them.
func (o *others) remarks() (lines []string) {
	table := o.table.Load()
	for _, one := range table.list {
		for _, line := range one.Remarks() {
			lines = append(lines, fmt.Sprintf("registry %s: %s", one.Domain, one.Public(line)))
		}
	}
	for _, domain := range table.restart {
		lines = append(lines, fmt.Sprintf("registry %s: the registries file says something else of it since this process began; mirrors are begun, changed and ended by a restart", domain))
	}
	return lines
}

// reload reads the registries file again. If it can not be read, or says what is wrong, all
// stays as it is. Requests in flight end with what they began with.
func (o *others) reload(ctx context.Context, log *slog.Logger) error {
	before := o.table.Load()
	now, err := o.read(ctx, before)
	if err != nil {
		return err
	}
	o.table.Store(now)
	var errs []error
	for _, one := range before.list {
		if !now.has(one) {
			errs = append(errs, one.Close())
			log.Info("a registry is not answered for any more as it was", "registry", one.Domain)
		}
	}
	for _, one := range now.list {
		if !before.has(one) {
			log.Info("a registry is answered for", "registry", one.Domain, "mode", string(one.Mode))
		}
	}
	for _, domain := range now.restart {
		log.Warn("the registries file says something else of a mirror than is done: restart this process", "registry", domain)
	}
	return errors.Join(errs...)
}

func (t *othersTable) has(o other) bool {
	return slices.ContainsFunc(t.list, func(one other) bool { return one.Other == o.Other })
}

// find returns the registry with a domain.
func (t *othersTable) find(domain string) (found other, ok bool) {
	i := slices.IndexFunc(t.list, func(one other) bool { return one.Domain == domain })
	if i < 0 {
		return found, false
	}
	return t.list[i], true
}

// openOthers opens what answers for the registries of the registries file; the API of this
// registry, which api is of, passes requests on to it.
func (s *Server) openOthers(ctx context.Context, api *httpapi.Options, observer *metrics.Metrics) error {
	o := s.options
	if o.RegistriesFile == "" {
		return nil
	}
	var origin protocol.Hash
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		origin, err = registry.Origin(tx)
		return err
	})
	if err != nil {
		return err
	}
	found := &others{}
	of := *api // without others
	found.read = func(ctx context.Context, before *othersTable) (*othersTable, error) {
		table, err := s.readOthers(ctx, before, federation.ID(origin), of, observer)
		if err != nil {
			return nil, fmt.Errorf("--registries-file: %w", err)
		}
		return table, nil
	}
	table, err := found.read(ctx, nil)
	if err != nil {
		return err
	}
	found.table.Store(table)
	s.closers = append(s.closers, func() error {
		var errs []error
		for _, one := range found.table.Load().list {
			errs = append(errs, one.Close())
		}
		return errors.Join(errs...)
	})
	s.others, api.Others = found, found
	return nil
}

// readOthers reads the registries file, and opens what answers for each: what there is
// already, if the file says the same of it. Of mirrors it takes what there is in any case.
func (s *Server) readOthers(ctx context.Context, before *othersTable, id string, api httpapi.Options, observer *metrics.Metrics) (table *othersTable, err error) {
	own := hostOf(api.BaseURL)
	config, err := federation.Load(s.options.RegistriesFile, own...)
	if err != nil {
		return nil, err
	}
	hints := federation.NewHints(s.namespaces, s.cache, s.options.Now, s.options.Logger)
	table = &othersTable{router: federation.NewRouter(id, hints, append(own, config.Domain)...)}
	defer func() {
		for _, one := range table.list {
			if err != nil && (before == nil || !before.has(one)) {
				err = errors.Join(err, one.Close())
			}
		}
	}()
	for _, r := range config.Registries {
		var there other
		var is bool
		if before != nil {
			there, is = before.find(r.Domain)
		}
		switch {
		case is && reflect.DeepEqual(there.Registry, r):
		case before != nil && (r.Mode == federation.Mirror || is && there.Mode == federation.Mirror):
			if table.restart = append(table.restart, r.Domain); !is {
				continue
			}
		default:
			opened, err := s.openOther(ctx, r, id, observer)
			if err != nil {
				return table, fmt.Errorf("registry %s: %w", r.Domain, err)
			}
			there = other{r, opened, otherHandler(r, opened, api, s.options.Limits.MaxReading)}
		}
		table.list = append(table.list, there)
	}
	if before != nil {
		for _, there := range before.list {
			if _, named := table.find(there.Domain); !named && there.Mode == federation.Mirror {
				table.list, table.restart = append(table.list, there), append(table.restart, there.Domain)
			}
		}
	}
	for _, one := range table.list {
		table.router.Add(one.Domain, one.handler, one)
	}
	return table, nil
}

// openOther opens what answers for a registry, by its mode. id is what this registry calls
// itself in requests to others.
func (s *Server) openOther(ctx context.Context, r federation.Registry, id string, observer *metrics.Metrics) (federation.Other, error) {
	o := s.options
	if r.Mode == federation.Proxy {
		return proxy.Open(proxy.Options{
			Registry: r, ID: id, DataDir: o.DataDir, MaxContent: o.Content.MaxSize, Observer: observer, Logger: o.Logger, Now: o.Now,
		})
	}
	return s.openMirror(ctx, r, id, observer)
}

// otherHandler is the API of another registry: this one's, with the same limits on memory
// and bodies, the same tokens, and turns of its own; mirrored is how many, if it is a mirror.
func otherHandler(r federation.Registry, opened federation.Other, api httpapi.Options, mirrored int) http.Handler {
	api.Path = httpapi.OthersPath + url.PathEscape(r.Domain)
	if api.BaseURL != "" {
		api.BaseURL = strings.TrimRight(api.BaseURL, "/") + "/" + api.Path
	}
	api.ContentBaseURL, api.OCI, api.Discovery, api.Web, api.VKeys, api.FetchContent = "", nil, nil, nil, nil, false
	api.WholeContent = r.Mode == federation.Proxy
	api.Logger = api.Logger.With("registry", r.Domain)
	api.Observer = refusals{api.Observer}
	api.Limits.Requests, api.Limits.Failures, api.Limits.Records = nil, nil, nil // counted already
	reading := mirrored                                                          // a mirror reads as this registry does
	if r.Mode == federation.Proxy {
		reading = readingProxied
	}
	api.Limits.Reading = limits.NewGate("fetches and proofs of registry "+r.Domain, reading, gateMaxWait)
	return httpapi.New(opened, api)
}

// refusals is an observer of a handler within that of this registry, which counts answers
// itself.
type refusals struct{ httpapi.Observer }

// Answered implements [httpapi.Observer].
func (refusals) Answered(string, int, time.Duration) {}

// hostOf is the host, with its port, of a URL; none of none.
func hostOf(text string) []string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil
	}
	return []string{u.Host}
}

// namespaces are those of the published operator log.
func (s *Server) namespaces(ctx context.Context) (all []protocol.Namespace, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		operator, err := registry.OperatorLog(tx, nil)
		if err == nil {
			all = slices.Collect(operator.Namespaces())
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return all, err
}
