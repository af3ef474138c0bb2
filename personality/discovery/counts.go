package discovery

import (
	"context"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// countsCache keeps a status for a moment: counting what is to be described takes long.
type countsCache struct {
	mu     sync.Mutex
	status discovery.Status // guarded by mu
	at     time.Time        // guarded by mu
}

const countsAge = 2 * time.Second

// Status says how far the index is, and what it holds.
func (x *Index) Status(ctx context.Context) (discovery.Status, error) {
	x.counts.mu.Lock()
	defer x.counts.mu.Unlock()
	if now := x.options.Now(); now.Sub(x.counts.at) > countsAge || x.counts.at.After(now) {
		var s discovery.Status
		err := x.view(ctx, func(t tx) (err error) {
			s, err = x.readStatus(t)
			return err
		})
		if err != nil {
			return s, err
		}
		x.counts.status, x.counts.at = s, now
	}
	s := x.counts.status
	s.LogLength = x.position.Load()
	s.Behind = max(x.published.Load(), s.LogLength) - s.LogLength
	return s, nil
}

func (x *Index) readStatus(t tx) (s discovery.Status, err error) {
	for _, n := range []struct {
		name string
		into *int64
	}{{metaPackages, &s.Packages}, {metaReleases, &s.Releases}, {metaNamespaces, &s.Namespaces}, {metaKeys, &s.Keys}} {
		if _, err := t.row(`SELECT value FROM meta WHERE name = ?`, []any{n.name}, n.into); err != nil {
			return s, err
		}
	}
	s.ToDescribe, err = x.countDue(t)
	return s, err
}

// Described is how many contents were described since the start.
func (x *Index) Described() uint64 { return x.described.Load() }
