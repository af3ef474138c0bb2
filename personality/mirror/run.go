package mirror

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// listEach is in which of the requests to an idle upstream the list of withheld content is
// asked for, in place of the checkpoint.
const listEach = 6

// Run implements [federation.Other]: it follows the upstream until ctx ends.
func (m *Mirror) Run(ctx context.Context) error {
	var beside sync.WaitGroup
	beside.Go(func() { m.contents.run(ctx) })
	defer beside.Wait()
	for round := 0; ctx.Err() == nil; round++ {
		begun := m.options.Now()
		err := m.round(ctx, round)
		if ctx.Err() != nil {
			return nil
		}
		m.judge(err)
		wake.Sleep(ctx, max(m.options.Interval-m.options.Now().Sub(begun), m.options.Interval/2), nil)
	}
	return nil
}

// judge notes how a round went, and is loud if the upstream was caught.
func (m *Mirror) judge(err error) {
	now := m.options.Now()
	claim, caught := caughtAt(err)
	if !caught {
		if err != nil {
			m.options.Logger.Warn("a mirror could not follow its upstream; trying again", "error", err)
		}
		m.state.answered(err, now)
		return
	}
	m.state.answered(nil, now)
	m.options.Observer.UpstreamCaught(m.Domain, claim)
	if m.state.lied(err, now) {
		m.options.Logger.Error("an upstream gave what does not hold: its mirror serves on what was verified before, and takes nothing over until the upstream gives what holds", "claim", claim, "error", err)
	}
}

// caughtAt tells whether an error is that an upstream gave what does not hold, and what.
func caughtAt(err error) (claim string, caught bool) {
	if untrue, ok := errors.AsType[*publisher.UntrueError](err); ok {
		return untrue.Claim, true
	}
	if unproven, ok := errors.AsType[*client.VerificationError](err); ok {
		return string(unproven.Claim), true
	}
	if _, ok := errors.AsType[*listError](err); ok {
		return "withheld list", true
	}
	return "", false
}

// round asks for what is new once, and takes it over.
func (m *Mirror) round(ctx context.Context, round int) error {
	newest := m.writer.Newest()
	if round%listEach == listEach-1 && newest.Contents.LogLength > 0 {
		return m.followList(ctx)
	}
	if round%2 == 1 && m.noteBehind() {
		return m.followNote(ctx)
	}
	text, err := m.up.changed(ctx)
	if err != nil || text == nil {
		return err
	}
	var said protocol.SignedCheckpoint
	if err := said.UnmarshalJSON(text); err != nil {
		return fmt.Errorf("the upstream's checkpoint can not be read: %w", err)
	}
	if said == newest {
		return nil
	}
	if err := m.follow(ctx); err != nil {
		m.up.etag = "" // it is to be looked at again
		return err
	}
	return nil
}

// follow verifies the newest checkpoint, and takes over what leads to it.
func (m *Mirror) follow(ctx context.Context) error {
	target, err := m.client.Checkpoint(ctx)
	if err != nil {
		return err
	}
	before := m.writer.Newest().Contents.LogLength
	source, tiled, err := m.source(ctx, target.Contents.LogLength)
	if err != nil {
		return err
	}
	begun := m.options.Now()
	if err := m.writer.Follow(ctx, target, source, m.state.progress); err != nil {
		return err
	}
	m.changed.Happened()
	m.contents.wake()
	m.tell()
	if fresh := target.Contents.LogLength - before; fresh >= 1000 {
		m.options.Logger.Info("a mirror has caught up", "records", fresh, "of", target.Contents.LogLength, "took", m.options.Now().Sub(begun).Round(time.Millisecond))
	}
	if err := m.writer.Tile(ctx); err != nil {
		return err
	}
	if tiled {
		if err := m.followNote(ctx); err != nil {
			return err
		}
	}
	return m.followList(ctx)
}

// source is the upstream's records log as of a length; tiled if it has static files.
func (m *Mirror) source(ctx context.Context, size uint64) (source publisher.MirrorSource, tiled bool, err error) {
	if m.writer.Staged() == size {
		return nothing{}, m.noted(), nil
	}
	_, err = m.up.get(ctx, tlog.Records.Path()+"/"+tlog.CheckpointPath, tlog.MaxNote)
	switch {
	case err == nil:
		return &bundles{m.up, size}, true, nil
	case errors.Is(err, errAbsent):
		return &ledger{upstream: m.up, store: m.options.Store, size: size, tokens: &m.tokens}, false, nil
	}
	return nil, false, err
}

// nothing is a source of which nothing is asked.
type nothing struct{}

// Leaves implements [publisher.MirrorSource].
func (nothing) Leaves(context.Context, uint64, int) ([]follow.Leaf, error) {
	return nil, errors.New("no leaf was to be asked for")
}

// Consistent implements [publisher.MirrorSource].
func (nothing) Consistent(context.Context, follow.Root, follow.Root) error {
	return errors.New("no proof was to be asked for")
}
