package mirror

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/federation"
	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/personality/outbound"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

const (
	// contentsAtOnce is how many contents are fetched at a time.
	contentsAtOnce = 4
	// contentsPage is how many records are looked through at a time, and about how many
	// bytes they may have.
	contentsPage      = 256
	contentsPageBytes = 1 << 20
	// lackingEach is how often those that could not be had are asked for again, and
	// maxLacking how many may be until no more records are looked through.
	lackingEach = time.Hour
	maxLacking  = 100_000
	// contentRetry is after what time an upstream that gives no content at all is asked
	// again, and contentTries how often, while it answers otherwise.
	contentRetry = 10 * time.Second
	contentTries = 30
)

// contentsKey is the name in the database of how many records were looked through whose
// content is here: of those behind, it may be.
const contentsKey = "mirror contents"

// missing is a content that could not be had.
type missing struct {
	digest protocol.Hash
	record uint64 // index of one that releases it
}

// run fetches what is released until ctx ends, if the mirror is to have it. A content that can
// not be had keeps back none of the others.
func (c *contents) run(ctx context.Context) {
	if c.m.options.Registry.Contents == federation.ContentOnUse {
		return
	}
	at, begun := uint64(0), false
	var asked time.Time
	for tries := 0; ctx.Err() == nil; {
		wait, more := lackingEach, false
		if len(c.lacking) == 0 {
			asked = c.m.options.Now()
		}
		var err error
		if !begun {
			at, err = c.position(ctx)
			begun = err == nil
		}
		if begun && len(c.lacking) < maxLacking {
			at, more, err = c.some(ctx, at, tries >= contentTries && c.m.state.follows())
		}
		if err == nil && len(c.lacking) > 0 && c.m.options.Now().Sub(asked) >= lackingEach {
			again := c.lacking
			c.lacking = nil
			if err = c.all(ctx, again, false); err != nil {
				c.lacking = again
			}
			asked = c.m.options.Now()
			err = errors.Join(err, c.save(ctx, at))
		}
		c.m.state.lacks(len(c.lacking), err != nil && ctx.Err() == nil, c.m.options.Now())
		switch {
		case err != nil && ctx.Err() == nil:
			tries++
			c.fail(err)
			wait = contentRetry
		case more:
			tries = 0
			continue
		}
		wake.Sleep(ctx, wait, c.nudged)
	}
}

// some fetches the content of some records from an index on, and returns where the rest begins,
// and whether there may be more. What could not be had is lacking from then on; with skip, also
// what an upstream that gives no content would give another time.
func (c *contents) some(ctx context.Context, at uint64, skip bool) (next uint64, more bool, err error) {
	end := c.m.served()
	if at >= end {
		return at, false, nil
	}
	var named []tlog.NamedEnvelope
	err = c.m.options.Store.View(ctx, func(tx *store.Tx) (err error) {
		named, err = tx.Envelopes(at, int(min(end-at, contentsPage)), contentsPageBytes)
		return err
	})
	if err != nil {
		return at, false, err
	}
	var wanted []missing
	for i, e := range named {
		digests, err := c.m.released(e)
		if err != nil {
			return at, false, err
		}
		for _, digest := range digests {
			wanted = append(wanted, missing{digest, at + uint64(i)})
		}
	}
	if err := c.all(ctx, wanted, skip); err != nil {
		return at, false, err
	}
	at += uint64(len(named))
	return at, len(named) > 0, c.save(ctx, at)
}

// save remembers up to where all content is here, for the next process: of records up to at,
// what is lacking is asked for again then.
func (c *contents) save(ctx context.Context, at uint64) error {
	for _, one := range c.lacking {
		at = min(at, one.record)
	}
	return c.m.options.Store.Update(ctx, func(tx *store.Tx) error {
		return tx.ReplaceMeta(contentsKey, strconv.AppendUint(nil, at, 10))
	})
}

func (c *contents) position(ctx context.Context) (at uint64, err error) {
	err = c.m.options.Store.View(ctx, func(tx *store.Tx) error {
		text, err := tx.Meta(contentsKey)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err == nil {
			at, err = strconv.ParseUint(string(text), 10, 64)
		}
		return err
	})
	return at, err
}

// all fetches contents that are not here. Those that the upstream does not give as they must be
// are lacking then. It is an error that others could not be had now: nothing of it is lacking then.
func (c *contents) all(ctx context.Context, wanted []missing, skip bool) error {
	var mu sync.Mutex
	var lacking []missing
	var failures, told []error
	var work sync.WaitGroup
	slots := make(chan struct{}, contentsAtOnce)
	for _, one := range wanted {
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			has, err := c.Has(ctx, one.digest)
			if err == nil && !has {
				err = c.once(ctx, one.digest)
			}
			if err == nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			said, later := fmt.Errorf("content %s: %w", one.digest, err), later(err)
			switch {
			case later == always || later == whileAway && !skip:
				if len(failures) < contentsAtOnce {
					failures = append(failures, said)
				}
				return
			case !absent(err) && len(told) < contentsAtOnce:
				told = append(told, said)
			}
			lacking = append(lacking, one)
		})
	}
	work.Wait()
	for _, err := range told {
		c.fail(err)
	}
	if err := errors.Join(failures...); err != nil {
		return err
	}
	c.lacking = append(c.lacking, lacking...)
	return nil
}

// when says when a content is asked for again that could not be had.
type when int

const (
	hourly    when = iota // the upstream gives others
	whileAway             // the upstream gives none at the moment
	always                // it is this registry that can not take any
)

// later tells when to ask again.
func later(err error) when {
	if refused, ok := errors.AsType[*client.APIError](err); ok {
		switch refused.Status {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return whileAway
		}
		return hourly
	}
	if unreached, ok := errors.AsType[*outbound.Error](err); ok && unreached.Unreached() {
		return whileAway
	}
	_, unanswered := errors.AsType[*client.TransportError](err)
	_, unproven := errors.AsType[*client.VerificationError](err)
	_, large := errors.AsType[*content.TooLargeError](err)
	if unanswered || unproven || large || absent(err) {
		return hourly
	}
	return always
}
