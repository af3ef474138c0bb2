package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	// patience is how long a client waits for an answer before it tries another
	// personality.
	patience = 3 * time.Second
	// watchEach is how often each personality is asked for its checkpoint.
	watchEach = 20 * time.Millisecond
)

// newClusterLoad is a load on all personalities: whoever is not answered, or told
// that something is out of order, asks another one.
func newClusterLoad(t *testing.T, c *cluster, name string) *load {
	l := newLoad(t, c.members[0].server)
	l.name, l.insist = name, c.insist
	return l
}

func (c *cluster) insist(ctx context.Context, method, path, contentType string, body []byte) (int, []byte, error) {
	for try := c.turn.Add(1); ; try++ {
		url := c.members[try%uint64(len(c.members))].url + path
		status, answer, err := requestWithin(ctx, patience, method, url, contentType, body)
		if err == nil && status < http.StatusInternalServerError {
			return status, answer, nil
		}
		if ctx.Err() != nil {
			return 0, nil, errors.Join(ctx.Err(), err, fmt.Errorf("last answered with status %d: %s", status, answer))
		}
		time.Sleep(retryDelay)
	}
}

func requestWithin(ctx context.Context, d time.Duration, method, url, contentType string, body []byte) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return request(ctx, method, url, contentType, bytes.NewReader(body))
}

// acknowledged returns how many records are, by now.
func (l *load) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.records)
}

// awaitAcknowledged waits until so many records are.
func (l *load) awaitAcknowledged(t *testing.T, records int, within time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(within); l.acknowledged() < records; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			l.mu.Lock()
			defer l.mu.Unlock()
			t.Fatalf("%d of %d records are acknowledged after %v; faults: %v", len(l.records), records, within, errors.Join(l.faults...))
		}
	}
}

// observation is what was seen of checkpoints.
type observation struct {
	newest atomic.Uint64 // log length
	pause  atomic.Int64  // the longest time without a longer one, nanoseconds
}

// observe fetches checkpoints of a personality until ctx ends: their signatures
// hold, lengths never go back, and there are no two of one length with different
// roots, from whomever.
func (l *load) observe(ctx context.Context, m *member, key protocol.PublicKey, o *observation) {
	var last uint64
	for ; ctx.Err() == nil; time.Sleep(watchEach) {
		status, body, err := requestWithin(ctx, patience, http.MethodGet, m.url+"/"+api.FetchCheckpointPath, "", nil)
		if err != nil || status >= http.StatusInternalServerError {
			continue // it is down, or its database is
		}
		var signed protocol.SignedCheckpoint
		err = json.Unmarshal(body, &signed)
		if status != http.StatusOK || err != nil {
			l.fault(fmt.Errorf("fetching a checkpoint: status %d, %w in %s", status, err, body))
			return
		}
		if err := errors.Join(signed.Verify(key), l.see(signed.Contents.Checkpoint, last)); err != nil {
			l.fault(fmt.Errorf("checkpoint %s: %w", body, err))
			return
		}
		last = signed.Contents.LogLength
		o.see(last)
	}
}

func (o *observation) see(length uint64) {
	for seen := o.newest.Load(); length > seen; seen = o.newest.Load() {
		if o.newest.CompareAndSwap(seen, length) {
			return
		}
	}
}

// measurePause notes the longest time without a longer checkpoint until ctx ends.
func (o *observation) measurePause(ctx context.Context) {
	length, since := o.newest.Load(), time.Now()
	for ; ctx.Err() == nil; time.Sleep(watchEach / 2) {
		if now := o.newest.Load(); now != length {
			length, since = now, time.Now()
		}
		o.pause.Store(max(o.pause.Load(), int64(time.Since(since))))
	}
}
