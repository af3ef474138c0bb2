package personality

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/federation"
	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/internal/cache"
	"github.com/warg-trillian/warg-trillian/personality/metrics"
	"github.com/warg-trillian/warg-trillian/personality/objects"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// followedKey is the name in a standby's database of the URL at which it followed its registry
// last: a promotion asks there, whatever it is told.
const followedKey = "followed at"

// standbyInterval is how often a standby asks its registry.
const standbyInterval = time.Second

// Standby is a mirror of one's own registry, in a data folder that is laid out as the
// registry's: [Promote] makes it the registry. Until then it serves what it has, to read.
type Standby struct {
	server  *Server
	opened  *opened
	handler http.Handler
}

// OpenStandby opens the standby of a registry in a data folder, and makes it if it is not
// there. No operator key is needed.
func OpenStandby(ctx context.Context, o Options, of federation.Registry) (standby *Standby, err error) {
	o = o.complete()
	s := &Server{options: o, cache: cache.New(o.CacheBytes)}
	standby = &Standby{server: s}
	defer func() {
		if err != nil {
			err = errors.Join(err, standby.Close())
		}
	}()
	if err := s.lockDataDir(); err != nil {
		return standby, err
	}
	observer := newMetrics(o.Metrics)
	if standby.opened, err = s.openStandby(ctx, of, observer); err != nil {
		return standby, err
	}
	s.db, s.registry = standby.opened.db, standby.opened.Parts()
	err = s.db.Update(ctx, func(tx *store.Tx) error { return tx.ReplaceMeta(followedKey, []byte(of.URL)) })
	if err != nil {
		return standby, err
	}
	if s.private, err = s.openPrivate(ctx); err != nil {
		return standby, err
	}
	api := o.API
	api.Logger, api.Observer, api.MaxContent = o.Logger, observer, o.Content.MaxSize
	api.Limits, api.Private = apiLimits(o.Limits), s.private
	standby.handler = o.Tracing.Handler(transfers(o.Limits, httpapi.New(standby.opened, api)))
	return standby, nil
}

// openStandby opens the mirror of a standby.
func (s *Server) openStandby(ctx context.Context, of federation.Registry, observer *metrics.Metrics) (*opened, error) {
	o := s.options
	if of.Interval == 0 {
		of.Interval = standbyInterval
	}
	of.Mode, of.Contents = federation.Mirror, federation.AllContent
	p := mirrorParts{dir: o.DataDir, database: o.Database, content: o.Content, whole: true}
	p.content.Policy = content.PolicyNone // the registry has judged it
	p.content.Private = o.TokensFile != "" && o.API.ContentBaseURL == ""
	p.content.OpenObjects = objects.Open
	return s.openMirrorOf(ctx, of, federation.ID(protocol.HashOf([]byte(of.URL))), p, observer)
}

// Handler serves the API, to read.
func (s *Standby) Handler() http.Handler { return s.handler }

// LimitConnections is [Server.LimitConnections].
func (s *Standby) LimitConnections(l net.Listener) net.Listener { return s.server.LimitConnections(l) }

// Ready returns nil if the standby has something to serve.
func (s *Standby) Ready(ctx context.Context) error { return s.opened.Ready(ctx) }

// Run follows the registry until ctx ends.
func (s *Standby) Run(ctx context.Context) error { return s.opened.Run(ctx) }

// Reload reads the tokens again.
func (s *Standby) Reload() error {
	if s.server.private == nil {
		return nil
	}
	return s.server.private.Tokens.Reload()
}

// Close closes everything that OpenStandby opened. Run must have returned.
func (s *Standby) Close() error {
	var mirror error
	if s.opened != nil {
		mirror = s.opened.Close()
	}
	return errors.Join(mirror, s.server.Close())
}
