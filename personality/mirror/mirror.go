package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/federation"
	"github.com/warg-trillian/warg-trillian/personality/internal/cache"
	"github.com/warg-trillian/warg-trillian/personality/internal/parts"
	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/signing"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Observer is told what becomes of an upstream, for metrics.
type Observer interface {
	// UpstreamCaught counts what an upstream gave that did not prove what it had to, by the
	// claim.
	UpstreamCaught(registry, claim string)
	// Mirrored says how many records of a registry are served, as of when it signed that,
	// in seconds since 1970.
	Mirrored(registry string, records, signed uint64)
}

// RecordsLog is the log that a mirror fills and makes proofs of.
type RecordsLog interface {
	parts.RecordsLog
	publisher.MirrorLog
}

// DefaultInterval is how often an upstream is asked whether there is something new.
const DefaultInterval = 10 * time.Second

// Options of [Open].
type Options struct {
	// Registry is the upstream.
	Registry federation.Registry
	// Store, Records and Contents are the mirror's own: of a records log that is
	// preordered.
	Store    *store.DB
	Records  RecordsLog
	Contents parts.Contents
	// Dir is a folder of this process alone, for what was verified of the upstream.
	Dir string
	// HTTP makes the requests to the upstream and to where its content is, by the rules
	// that there are for that.
	HTTP *http.Client
	// Whole demands every checkpoint that the upstream has logged, so that the mirror can
	// take its place.
	Whole      bool
	Interval   time.Duration // between requests while nothing is new; 0: DefaultInterval
	MaxContent int64         // bytes; 0: client.DefaultMaxContent
	// Cache is where to keep what was read. Several mirrors and a registry may share it:
	// what any of them used longest ago makes room.
	Cache    *cache.Cache
	Observer Observer
	Logger   *slog.Logger
	Now      func() time.Time
}

// Mirror is a mirror of a registry. It implements [federation.Other]. Safe for concurrent
// use.
type Mirror struct {
	federation.ReadOnly
	*reader.Reader
	options  Options
	registry *parts.Registry
	writer   *publisher.Mirror // of Run's goroutine
	up       *upstream
	client   *client.Client
	contents *contents
	state    state
	changed  wake.Broadcast             // a checkpoint was published
	tokens   tokens                     // of Run's goroutine
	notes    map[tlog.Log]*upstreamNote // of Run's goroutine
	listed   time.Time                  // of Run's goroutine; when the list of withheld content was asked for
}

var _ federation.Other = (*Mirror)(nil)

// Open opens a mirror. It makes no request.
func Open(ctx context.Context, o Options) (*Mirror, error) {
	if o.Interval == 0 {
		o.Interval = DefaultInterval
	}
	base, err := url.Parse(o.Registry.URL)
	if err != nil {
		return nil, fmt.Errorf("the URL of registry %s: %w", o.Registry.Domain, err)
	}
	o.Logger = o.Logger.With("registry", o.Registry.Domain)
	m := &Mirror{
		ReadOnly: federation.ReadOnly{Domain: o.Registry.Domain, URL: o.Registry.PublicURL()},
		options:  o,
		up:       &upstream{base: base.JoinPath("/"), http: o.HTTP},
		tokens:   tokens{map[protocol.Hash]string{}},
		notes:    map[tlog.Log]*upstreamNote{tlog.Records: {}, tlog.Checkpoints: {}},
	}
	verified, err := client.OpenFolder(o.Dir)
	if err != nil {
		return nil, err
	}
	m.client, err = client.New(o.Registry.URL, client.Options{
		HTTPClient: o.HTTP, UserAgent: userAgent, OperatorKey: o.Registry.OperatorKey, Store: verified,
		Witnesses: o.Registry.Witnesses, WholeLogWitnessed: true, MaxContent: o.MaxContent, Now: o.Now,
	})
	if err != nil {
		return nil, err
	}
	m.contents = newContents(m, o.Contents)
	m.registry = parts.New(parts.Options{
		Store: o.Store, Records: o.Records, Contents: m.contents, Cache: o.Cache, Keys: signing.New(), Now: o.Now, Logger: o.Logger,
	})
	m.Reader = m.registry.Reader
	m.writer, err = publisher.OpenMirror(ctx, publisher.MirrorOptions{
		Store: o.Store.Reserved(), Records: o.Records, Index: m.registry.Index(), Restorer: m.registry.Admission, Now: o.Now, Logger: o.Logger,
	})
	if err != nil {
		return nil, err
	}
	m.tell()
	return m, m.loadNotes(ctx)
}

// Close implements [federation.Other]. What the options named is for whoever opened it to
// close.
func (m *Mirror) Close() error {
	m.contents.close()
	m.options.HTTP.CloseIdleConnections()
	return nil
}

// Ready returns nil if the mirror has a checkpoint to serve, and can read what it needs.
func (m *Mirror) Ready(ctx context.Context) error {
	_, err := m.Reader.LatestCheckpoint(ctx)
	if _, ok := errors.AsType[*registry.CheckpointNotFoundError](err); ok {
		done, total := m.state.catchingUp()
		return fmt.Errorf("the mirror of registry %s is being made: %d of %d records are there", m.Domain, done, total)
	}
	if err != nil {
		return err
	}
	return errors.Join(m.ReadyDatabase(ctx), m.ReadyTrillian(ctx))
}

// Remarks implements [federation.Other].
func (m *Mirror) Remarks() []string { return m.state.remarks(m.options.Now()) }

// Next returns a channel that is closed when another checkpoint is served.
func (m *Mirror) Next() <-chan struct{} { return m.changed.Next() }

// tell tells metrics what is served.
func (m *Mirror) tell() {
	c := m.writer.Newest().Contents
	m.options.Observer.Mirrored(m.Domain, c.LogLength, c.Timestamp)
}

// Writer publishes what the mirror takes over. It is for when Run does not.
func (m *Mirror) Writer() *publisher.Mirror { return m.writer }

// Store is the mirror's database.
func (m *Mirror) Store() *store.DB { return m.options.Store }

// Parts is the registry that the mirror reads from. Nothing is published in it but by the
// mirror.
func (m *Mirror) Parts() *parts.Registry { return m.registry }
