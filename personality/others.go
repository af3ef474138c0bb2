package personality

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
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

// others are the registries that this one answers for.
type others struct {
	router *federation.Router
	list   []other
}

type other struct {
	federation.Registry
	federation.Other
}

// run does what is to be done for each until ctx ends.
func (o *others) run(ctx context.Context, log *slog.Logger) {
	done := make(chan struct{})
	for _, one := range o.list {
		go func() {
			defer func() { done <- struct{}{} }()
			if err := one.Run(ctx); err != nil && ctx.Err() == nil {
				log.Error("nothing more is done for another registry until this one is restarted", "registry", one.Domain, "error", err)
			}
		}()
	}
	for range o.list {
		<-done
	}
}

// remarks are those of all of them.
func (o *others) remarks() (lines []string) {
	for _, one := range o.list {
		for _, line := range one.Remarks() {
			lines = append(lines, fmt.Sprintf("registry %s: %s", one.Domain, one.Public(line)))
		}
	}
	return lines
}

// openOthers opens what answers for the registries of the registries file; the API of this
// registry, which api is of, passes requests on to it.
func (s *Server) openOthers(ctx context.Context, api *httpapi.Options, observer *metrics.Metrics) error {
	o := s.options
	if o.RegistriesFile == "" {
		return nil
	}
	own := hostOf(api.BaseURL)
	config, err := federation.Load(o.RegistriesFile, own...)
	if err != nil {
		return fmt.Errorf("--registries-file: %w", err)
	}
	var origin protocol.Hash
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		origin, err = registry.Origin(tx)
		return err
	})
	if err != nil {
		return err
	}
	id := federation.ID(origin)
	hints := federation.NewHints(s.namespaces, s.cache, o.Now, o.Logger)
	s.others = &others{router: federation.NewRouter(id, hints, append(own, config.Domain)...)}
	for _, r := range config.Registries {
		opened, err := s.openOther(ctx, r, id, observer)
		if err != nil {
			return fmt.Errorf("--registries-file: registry %s: %w", r.Domain, err)
		}
		s.closers = append(s.closers, opened.Close)
		s.others.list = append(s.others.list, other{r, opened})
		s.others.router.Add(r.Domain, otherHandler(r, opened, *api, o.Limits.MaxReading), opened)
	}
	api.Others = s.others.router
	return nil
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
