package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/federation"
	"github.com/warg-trillian/warg-trillian/personality/internal/parts"
	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// contentTime is for fetching one content.
const contentTime = 20 * time.Minute

// contents is the content of a mirror: a store, which is filled from the upstream. Each is
// verified by its digest.
type contents struct {
	parts.Contents
	m       *Mirror
	nudged  chan struct{}
	flight  singleflight.Group
	lacking []missing // of run's goroutine

	open     context.Context // ends when the mirror is closed
	end      context.CancelFunc
	fetching sync.RWMutex // held shared by each fetch, so that close can wait for them
}

func newContents(m *Mirror, stored parts.Contents) *contents {
	c := &contents{Contents: stored, m: m, nudged: make(chan struct{}, 1)}
	c.open, c.end = context.WithCancel(context.Background())
	return c
}

// close ends the fetches under way, and waits for that.
func (c *contents) close() {
	c.end()
	c.fetching.Lock() // those that begin later end at once
	defer c.fetching.Unlock()
}

func (c *contents) wake() { wake.Nudge(c.nudged) }

// Open implements [parts.Contents]. What is not here yet is fetched first.
func (c *contents) Open(ctx context.Context, digest protocol.Hash) (content.Content, error) {
	found, err := c.Contents.Open(ctx, digest)
	if !errors.Is(err, content.ErrNotFound) {
		return found, err
	}
	if allowed, err := c.m.mayServe(ctx, digest); err != nil || !allowed {
		return nil, errors.Join(content.ErrNotFound, err)
	}
	if err := c.once(ctx, digest); err != nil {
		if absent(err) {
			return nil, content.ErrNotFound
		}
		return nil, &registry.UnavailableError{Part: "registry " + c.m.Domain, Reason: "a content that is not here yet could not be had from it", Err: err}
	}
	return c.Contents.Open(ctx, digest)
}

// once fetches a content, once for all who want it. The fetch goes on if one of them leaves.
func (c *contents) once(ctx context.Context, digest protocol.Hash) error {
	done := c.flight.DoChan(digest.String(), func() (any, error) {
		c.fetching.RLock()
		defer c.fetching.RUnlock()
		ctx, cancel := context.WithTimeout(c.open, contentTime)
		defer cancel()
		return nil, c.fetch(ctx, digest)
	})
	select {
	case result := <-done:
		return result.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fetch brings a content into the store.
func (c *contents) fetch(ctx context.Context, digest protocol.Hash) error {
	body, err := c.m.client.OpenContent(ctx, digest)
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = c.Put(ctx, digest, body, nil)
	return err
}

// absent tells whether the upstream said that it does not give a content.
func absent(err error) bool {
	if _, ok := errors.AsType[*client.WithheldError](err); ok {
		return true
	}
	refused, ok := errors.AsType[*client.APIError](err)
	return ok && (refused.Status == 404 || refused.Status == 410 || refused.Status == 451)
}

// fail tells of a failure, loudly if the upstream gave another content.
func (c *contents) fail(err error) {
	if _, caught := caughtAt(err); caught {
		c.m.judge(err, false)
		return
	}
	c.m.options.Logger.Warn("the content of a mirror could not be fetched; trying again", "error", err)
}

// released are the digests of what a record releases, if the mirror is to have that.
func (m *Mirror) released(e tlog.NamedEnvelope) (digests []protocol.Hash, err error) {
	if e.Name == "" {
		return nil, nil
	}
	if m.options.Registry.Contents == federation.FilteredContent {
		name, err := protocol.ParsePackageName(e.Name)
		if err != nil || !m.options.Registry.Filter.Allows(name) {
			return nil, err
		}
	}
	envelope, err := protocol.UnmarshalEnvelopeProto(e.Envelope)
	if err != nil {
		return nil, err
	}
	record, err := protocol.DecodePackageRecord(envelope.Content)
	if err != nil {
		return nil, err
	}
	for _, entry := range record.Entries {
		if entry.Type == protocol.EntryRelease {
			digest, err := entry.Content.Hash()
			if err != nil {
				return nil, fmt.Errorf("a release of %s: %w", e.Name, err)
			}
			digests = append(digests, digest)
		}
	}
	return digests, nil
}

var _ io.Closer = (*Mirror)(nil)
