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
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// listEach is in which of the requests to an idle upstream the list of withheld content is
// asked for, in place of the checkpoint.
const listEach = 6

// behindPause is after what time a checkpoint that was not in the checkpoints log is looked
// for again, and catching up goes on after it broke off.
const behindPause = 300 * time.Millisecond

// Run implements [federation.Other]: it follows the upstream until ctx ends.
func (m *Mirror) Run(ctx context.Context) error {
	var beside sync.WaitGroup
	beside.Go(func() { m.contents.run(ctx) })
	defer beside.Wait()
	for round := 0; ctx.Err() == nil; round++ {
		begun, staged, had := m.options.Now(), m.writer.Staged(), m.writer.Newest().Contents.LogLength
		news, err := m.round(ctx, round)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, errBehind) && m.awaits(err, m.writer.Newest().Contents.LogLength > had) {
			round = 0 // the list of withheld content can wait a while
			if begun.Sub(m.listed) >= listEach*m.options.Interval {
				round = listEach - 2
			}
			wake.Sleep(ctx, min(behindPause, m.options.Interval), nil)
			continue
		}
		m.judge(err, news)
		if err != nil && m.writer.Staged() > staged { // it broke off while it catches up
			wake.Sleep(ctx, min(behindPause, m.options.Interval), nil)
			continue
		}
		wake.Sleep(ctx, max(m.options.Interval-m.options.Now().Sub(begun), m.options.Interval/2), nil)
	}
	return nil
}

// awaits tells whether the newest checkpoint is to be in the upstream's checkpoints log in a
// moment: not if that has not grown for long. Then the upstream is one that can not be followed.
func (m *Mirror) awaits(behind error, grew bool) bool {
	now := m.options.Now()
	if grew {
		behind = nil
	}
	m.state.answered(behind, now)
	return !m.state.away(now)
}

// judge notes how a round went, and is loud if the upstream was caught. That it answers counts if
// it was asked for news: one that gives its list of withheld content alone is not followed.
func (m *Mirror) judge(err error, news bool) {
	now := m.options.Now()
	claim, caught := caughtAt(err)
	if !caught {
		if err != nil {
			m.options.Logger.Warn("a mirror could not follow its upstream; trying again", "error", err)
		}
		if err != nil || news {
			m.state.answered(err, now)
		}
		return
	}
	if news {
		m.state.answered(nil, now)
	}
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

// round asks for what is new once, and takes it over. news tells that it is the newest
// checkpoint that was asked for.
func (m *Mirror) round(ctx context.Context, round int) (news bool, err error) {
	newest := m.writer.Newest()
	if round%listEach == listEach-1 && newest.Contents.LogLength > 0 {
		return false, m.followList(ctx)
	}
	if round%2 == 1 && m.noteBehind() {
		return false, m.followNotes(ctx)
	}
	text, err := m.up.changed(ctx)
	if err != nil || text == nil {
		return true, err
	}
	var said protocol.SignedCheckpoint
	if err := said.UnmarshalJSON(text); err != nil {
		return true, fmt.Errorf("the upstream's checkpoint can not be read: %w", err)
	}
	if said == newest {
		return true, nil
	}
	if err := m.follow(ctx); err != nil {
		m.up.etag = "" // it is to be looked at again
		return true, err
	}
	return true, nil
}

// follow verifies the newest checkpoint, and takes over what leads to it.
func (m *Mirror) follow(ctx context.Context) error {
	operator, err := m.client.Operator(ctx)
	if err != nil {
		return err
	}
	target := operator.Checkpoint
	before := m.writer.Newest().Contents.LogLength
	begun := m.options.Now()
	tiled, err := m.take(ctx, operator, target)
	if m.writer.Newest().Contents.LogLength > before {
		m.changed.Happened()
		m.contents.wake()
	}
	m.tell()
	if err != nil {
		return err
	}
	if fresh := m.writer.Newest().Contents.LogLength - before; fresh >= 1000 {
		m.options.Logger.Info("a mirror has caught up", "records", fresh, "took", m.options.Now().Sub(begun).Round(time.Millisecond))
	}
	if err := m.writer.Tile(ctx); err != nil {
		return err
	}
	if tiled {
		if err := m.followNotes(ctx); err != nil {
			return err
		}
	}
	return m.followList(ctx)
}

// take takes over the records and checkpoints up to a verified one; tiled tells that the
// upstream has static files.
func (m *Mirror) take(ctx context.Context, operator *client.Operator, target protocol.SignedCheckpoint) (tiled bool, err error) {
	_, err = m.up.get(ctx, tlog.Records.Path()+"/"+tlog.CheckpointPath, tlog.MaxNote)
	if err != nil && !errors.Is(err, errAbsent) {
		return false, err
	}
	tiled = err == nil
	length := target.Contents.LogLength
	if !tiled {
		source := &ledger{upstream: m.up, store: m.options.Store, size: length, tokens: &m.tokens}
		return false, m.writer.Follow(ctx, target, source, m.state.progress)
	}
	source := &bundles{upstream: m.up, size: length}
	logs, err := m.logsCheckpoints(ctx)
	switch {
	case err != nil:
		return true, err
	case !logs && m.options.Whole:
		return true, errors.New("the registry does not give its checkpoints as they were signed, which a standby needs: it runs another program, or an older one")
	case !logs:
		return true, m.writer.Follow(ctx, target, source, m.state.progress)
	}
	if err := m.followLogged(ctx, operator, target, source); err != nil {
		return true, err
	}
	switch newest := m.writer.Newest().Contents.LogLength; {
	case newest < length:
		return true, errBehind
	case newest == length:
		return true, m.writer.Follow(ctx, target, source, m.state.progress) // as it was signed last
	}
	return true, nil
}

// errBehind says that the upstream's checkpoints log does not have its newest checkpoint
// yet, which comes to it a moment after it was published.
var errBehind = errors.New("the upstream's checkpoints log does not have its newest checkpoint yet")
