package personality

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/federation"
	"github.com/warg-trillian/warg-trillian/personality/federation/proxy"
	"github.com/warg-trillian/warg-trillian/personality/metrics"
	"github.com/warg-trillian/warg-trillian/personality/mirror"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
)

// mirrorsDir is the folder in a data folder with a folder for each mirror. What is in that
// is laid out as a data folder.
const mirrorsDir = "mirrors"

// opened is a mirror with what it runs on.
type opened struct {
	*mirror.Mirror
	db      *store.DB
	service *trilliansvc.Service
	records *trilliansvc.Log
	closers []func() error // in the order of opening
}

// Close implements [federation.Other].
func (o *opened) Close() error {
	var errs []error
	if o.Mirror != nil {
		errs = append(errs, o.Mirror.Close())
	}
	for i := len(o.closers) - 1; i >= 0; i-- {
		errs = append(errs, o.closers[i]())
	}
	return errors.Join(errs...)
}

// mirrorParts is where a mirror keeps what it has.
type mirrorParts struct {
	dir      string // laid out as a data folder
	database store.Database
	content  content.Options
	whole    bool // it is to be able to become the registry
}

// openMirror opens the mirror of a registry, in a folder of its own.
func (s *Server) openMirror(ctx context.Context, r federation.Registry, id string, observer *metrics.Metrics) (federation.Other, error) {
	o := s.options
	p := mirrorParts{dir: filepath.Join(o.DataDir, mirrorsDir, url.PathEscape(r.Domain))}
	p.database = store.SQLite{File: filepath.Join(p.dir, "registry.db")}
	if r.DatabaseURL != "" {
		database := store.MySQL{DSN: string(r.DatabaseURL)}
		if err := database.Check(); err != nil {
			return nil, fmt.Errorf("database-url-file: %w", err)
		}
		p.database = database
	}
	p.content = content.Options{
		Dir: filepath.Join(p.dir, "content"), Policy: content.PolicyNone, MaxSize: o.Content.MaxSize, MinFreeSpace: o.Content.MinFreeSpace,
		Private: o.Content.Private || r.Token != "",
	}
	return s.openMirrorOf(ctx, r, id, p, observer)
}

// openMirrorOf opens a mirror on its parts.
func (s *Server) openMirrorOf(ctx context.Context, r federation.Registry, id string, p mirrorParts, observer *metrics.Metrics) (m *opened, err error) {
	m = new(opened)
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
		}
	}()
	if err := os.MkdirAll(p.dir, 0o750); err != nil {
		return m, err
	}
	o := s.options
	db, err := p.database.Open(ctx, o.Logger)
	if err != nil {
		return m, err
	}
	m.closers = append(m.closers, db.Close)
	if err := claimMirror(ctx, db, r); err != nil {
		return m, err
	}
	m.db = db
	if m.service, err = o.Trillian.service(ctx, s, p.dir); err != nil {
		return m, err
	}
	m.closers = append(m.closers, m.service.Close)
	if m.records, err = openPreordered(ctx, m.service, db, recordsLogName, mirrorTreeKey); err != nil {
		return m, err
	}
	contents, err := content.Open(ctx, p.content)
	if err != nil {
		return m, err
	}
	m.closers = append(m.closers, contents.Close)
	asking, err := proxy.NewHTTPClient(r, id, func(response *http.Response, err error) {
		observer.UpstreamAsked(r.Domain, proxy.Outcome(response, err))
	})
	if err != nil {
		return m, err
	}
	m.Mirror, err = mirror.Open(ctx, mirror.Options{
		Registry: r, Store: db, Records: m.records, Contents: contents, Dir: filepath.Join(p.dir, "upstream"), HTTP: asking, Interval: r.Interval, Whole: p.whole,
		MaxContent: o.Content.MaxSize, Cache: s.cache, Observer: observer, Logger: o.Logger, Now: o.Now,
	})
	return m, err
}

// mirrorOfKey is the name in a database of the operator key of the registry that it is a
// mirror of.
const mirrorOfKey = "mirror of"

// claimMirror makes a new database that of a mirror of a registry, and refuses one that is
// of another registry, or of no mirror.
func claimMirror(ctx context.Context, db *store.DB, r federation.Registry) error {
	want := r.OperatorKey.String()
	return db.Update(ctx, func(tx *store.Tx) error {
		of, err := optional(tx.Meta(mirrorOfKey))
		begun, wrong := optional(tx.Meta(promotingKey))
		switch {
		case err != nil || wrong != nil:
			return errors.Join(err, wrong)
		case len(begun) > 0:
			return errors.New("this standby is being promoted, and follows nobody any more: run `warg-personality promote` again until it has ended")
		case string(of) == want:
			return nil
		case len(of) > 0:
			return fmt.Errorf("its database is a mirror of another registry, whose operator log begins with %s", of)
		}
		length, err := tx.NewestLength()
		if err == nil && length > 0 {
			err = errors.New("its database is that of a registry, and no mirror's")
		}
		if err != nil {
			return err
		}
		return tx.SetMeta(mirrorOfKey, []byte(want))
	})
}

// refuseMirror refuses to open the database of a mirror as a registry's; while its promotion
// has not ended, but for that.
func refuseMirror(ctx context.Context, db *store.DB, promoting bool) error {
	known, err := readPromotion(ctx, db)
	switch {
	case err != nil:
	case known.Begun && !promoting:
		err = errors.New("this standby is being promoted, and `warg-personality promote` was interrupted: run it again")
	case known.of != "":
		err = errors.New("this is a standby, which follows its registry: run it with `warg-personality standby`, or make it the registry with `warg-personality promote`")
	}
	return err
}

// mirrorTreeKey is the name in a mirror's database of the Trillian tree of its records log.
const mirrorTreeKey = "mirror tree"

// openPreordered opens a preordered log, or makes it, whose tree the database names.
func openPreordered(ctx context.Context, service *trilliansvc.Service, db *store.DB, name, key string) (*trilliansvc.Log, error) {
	return service.EnsurePreordered(ctx, name,
		func(ctx context.Context) (int64, error) { return keptTree(ctx, db, key) },
		func(ctx context.Context, id int64) (int64, error) { return claimTree(ctx, db, key, id) })
}
