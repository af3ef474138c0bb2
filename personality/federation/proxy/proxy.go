package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/federation"
	"github.com/warg-trillian/warg-trillian/personality/internal/cache"
	"github.com/warg-trillian/warg-trillian/personality/limits"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/sparselog"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Observer is told what becomes of requests to another registry, for metrics.
type Observer interface {
	// UpstreamAsked counts a request by its outcome: "answered", "refused" (with a status
	// that is not a success), or "failed".
	UpstreamAsked(registry, outcome string)
	// UpstreamCaught counts answers that did not prove what they had to, by the claim.
	UpstreamCaught(registry, claim string)
}

// Bounds.
const (
	// Fresh is for how long a checkpoint is the newest without being asked for again.
	Fresh = time.Second

	idle         = 15 * time.Second // longest silence, and time for leastBytes of a content
	leastBytes   = 1 << 10
	refreshTime  = 25 * time.Second // to verify a new checkpoint
	maxAnswer    = 16 << 20         // bytes of one JSON answer
	maxLog       = 32 << 20         // bytes of the records that one request may need
	maxStreams   = 64               // contents under way
	streamsEach  = 16               // of one client
	cacheBytes   = 32 << 20
	largeParts   = 2 // of the cache: what one kind of thing may have
	smallParts   = 8
	recordBytes  = 512 // of a record beside its content
	userAgent    = "warg-personality"
	registryPart = "registry " // begins what errors call another registry
)

// Options of [Open].
type Options struct {
	Registry federation.Registry
	// ID is what this registry calls itself to others, see [federation.ID].
	ID string
	// DataDir is the folder of this process; what is remembered of the registry is below it.
	DataDir    string
	MaxContent int64 // bytes
	// MaxWait is how long a request may wait in all to be made again, and how long witnesses
	// may be behind; 0: 15 s.
	MaxWait  time.Duration
	Observer Observer
	Logger   *slog.Logger
	Now      func() time.Time
}

// Proxy is another registry. It implements [federation.Other]. Safe for concurrent use.
type Proxy struct {
	federation.ReadOnly
	options Options
	domain  string
	log     *sparselog.Log
	alarms  *slog.Logger

	up       *upstream
	verified *client.Client // of checkpoints and the operator log

	turn    chan struct{}         // whoever is in it asks for the newest checkpoint
	waiting *state                // guarded by turn; verified, but for witnesses that have not seen it yet; nil: none
	current atomic.Pointer[state] // nil: nothing is verified yet
	failed  atomic.Pointer[failure]
	lies    lies

	cache       *cache.Cache
	checkpoints *cache.Map[uint64, protocol.Checkpoint] // by length: those that were passed on
	logs        *cache.Map[protocol.Hash, *packageLog]
	leaves      *cache.Map[uint64, protocol.LogLeaf]
	names       *cache.Map[protocol.Hash, protocol.PackageName]
	digests     *cache.Map[protocol.Hash, bool] // contents of packages that the filter lets through
	prefixes    *cache.Map[uint64, []protocol.Hash]
	consistent  *cache.Map[[2]uint64, []byte]
	inclusions  *cache.Map[protocol.Hash, inclusion]
	sizes       *cache.Map[protocol.Hash, int64]

	streams *limits.Slots // contents under way
}

// state is what was verified last. It does not change.
type state struct {
	checkpoint protocol.SignedCheckpoint
	operator   *client.Operator
	records    []reader.PublishedRecord // of the operator log
	asked      time.Time
}

// failure is why no newer checkpoint is known.
type failure struct {
	err error
	at  time.Time
}

// Open opens a proxy. It makes no request.
func Open(o Options) (*Proxy, error) {
	o.MaxWait = cmp.Or(o.MaxWait, idle)
	r := o.Registry
	base, err := url.Parse(r.URL + "/")
	if err != nil {
		return nil, fmt.Errorf("its url: %w", err)
	}
	p := &Proxy{
		ReadOnly: federation.ReadOnly{Domain: r.Domain, URL: r.PublicURL()},
		options:  o, domain: r.Domain, turn: make(chan struct{}, 1), streams: limits.NewSlots("contents of registry "+r.Domain+" under way", maxStreams, streamsEach),
		alarms: o.Logger.With("registry", r.Domain),
	}
	p.log = sparselog.New(p.alarms)
	p.openCaches()
	p.up = &upstream{domain: r.Domain, base: base, observer: o.Observer}
	if p.up.http, err = NewHTTPClient(r, o.ID, p.up.count); err != nil {
		return nil, err
	}
	store, err := client.OpenFolder(filepath.Join(o.DataDir, "registries", url.PathEscape(r.Domain)))
	if err != nil {
		return nil, err
	}
	p.verified, err = client.New(r.URL, client.Options{
		HTTPClient: p.up.http, UserAgent: userAgent, OperatorKey: r.OperatorKey, Store: store, Witnesses: r.Witnesses,
		MaxWait: o.MaxWait, MaxIdle: idle, MaxAnswer: maxAnswer, Now: o.Now,
	})
	return p, err
}

func (p *Proxy) openCaches() {
	c := cache.New(cacheBytes)
	p.cache = c
	p.checkpoints = cache.NewMap[uint64, protocol.Checkpoint](c, smallParts, func(protocol.Checkpoint) int64 { return 0 })
	p.logs = cache.NewMap[protocol.Hash, *packageLog](c, 1, (*packageLog).bytes)
	p.leaves = cache.NewMap[uint64, protocol.LogLeaf](c, smallParts, func(protocol.LogLeaf) int64 { return 0 })
	p.names = cache.NewMap[protocol.Hash, protocol.PackageName](c, smallParts, func(n protocol.PackageName) int64 { return int64(len(n.String())) })
	p.digests = cache.NewMap[protocol.Hash, bool](c, largeParts, func(bool) int64 { return 0 })
	p.prefixes = cache.NewMap[uint64, []protocol.Hash](c, smallParts, func(h []protocol.Hash) int64 { return int64(len(h) * protocol.HashSize) })
	p.consistent = cache.NewMap[[2]uint64, []byte](c, smallParts, func(b []byte) int64 { return int64(len(b)) })
	p.inclusions = cache.NewMap[protocol.Hash, inclusion](c, largeParts, func(i inclusion) int64 { return int64(len(i.log) + len(i.index)) })
	p.sizes = cache.NewMap[protocol.Hash, int64](c, smallParts, func(int64) int64 { return 0 })
}

// Run implements [federation.Other]: all is done when it is asked for.
func (p *Proxy) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Close implements [federation.Other].
func (p *Proxy) Close() error {
	p.up.http.CloseIdleConnections()
	return nil
}

// Ready implements [httpapi.Registry]: it says why no checkpoint can be had, if that is so.
func (p *Proxy) Ready(ctx context.Context) error {
	_, err := p.newest(ctx)
	return err
}

// Remarks implements [httpapi.Registry].
func (p *Proxy) Remarks() (lines []string) {
	if line := p.lies.remark(); line != "" {
		lines = append(lines, line)
	}
	if f := p.failed.Load(); f != nil && !errors.As(f.err, new(*registry.UpstreamError)) {
		lines = append(lines, fmt.Sprintf("since %s nothing new is known of it: %s", f.at.UTC().Format(time.RFC3339), p.options.Registry.Public(f.err.Error())))
	}
	return lines
}
