package audit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// turn is how far everything was looked at again. Log ids and digests are spread evenly
// over all 32-bit numbers that they may begin with, and records over a log: in a part of
// the time for a turn, that part of the numbers is looked at again.
type turn struct {
	At    int64  `json:"at"`    // seconds since 1970
	Place uint64 `json:"place"` // the number that is next, below fullTurn
}

const fullTurn = 1 << 32

// part is the numbers from one up to another.
type part struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// maxReread bounds the parts that are read again in each round.
const maxReread = 16

// due is what is to be looked at again now, and where that leads.
func (t turn) due(now time.Time, within time.Duration, all bool) (parts []part, next turn) {
	next = turn{At: now.Unix(), Place: t.Place}
	elapsed := now.Unix() - t.At
	switch {
	case all, t.At > 0 && within > 0 && elapsed >= int64(within/time.Second):
		return []part{{0, fullTurn}}, turn{At: next.At}
	case t.At == 0 || elapsed < 0 || within < 0:
		return nil, next
	}
	to := t.Place + uint64(float64(elapsed)/within.Seconds()*fullTurn)
	if to <= fullTurn {
		parts = []part{{t.Place, to}}
	} else {
		parts = []part{{t.Place, fullTurn}, {0, to - fullTurn}}
	}
	next.Place = to % fullTurn
	return parts, next
}

// lookAgain looks at static files again, and marks logs and contents to be looked at
// again in this round, or in the next one that gets to them.
func (r *round) lookAgain(ctx context.Context) error {
	parts, next := r.seen.Turn.due(r.options.Now(), r.options.CheckAgain, r.options.Again)
	for _, p := range parts {
		if err := r.markAgain(ctx, spacePackage, p, r.markLog); err != nil {
			return err
		}
		if !r.options.Content {
			continue
		}
		if err := r.markAgain(ctx, spaceContents, p, r.markContent); err != nil {
			return err
		}
	}
	r.seen.Turn = next
	if err := r.save(ctx); err != nil {
		return err
	}
	// What was wrong is read in each round until it is well.
	wrong, all := []part(nil), append(r.seen.Reread, parts...)
	for i, p := range all {
		stop, err := r.step(ctx, r.readAgain(ctx, p))
		if err != nil {
			r.seen.Reread = append(wrong, all[i:]...)
			return errors.Join(err, r.save(context.WithoutCancel(ctx)))
		}
		if stop {
			wrong = append(wrong, p)
		}
	}
	if len(wrong) > maxReread {
		wrong = []part{{0, fullTurn}}
	}
	r.seen.Reread = wrong
	return r.save(ctx)
}

// markAgain calls mark with the items of a space whose keys begin with numbers of a part.
func (r *round) markAgain(ctx context.Context, space string, p part, mark func(context.Context, Item) error) error {
	if p.From >= p.To {
		return nil
	}
	after := binary.BigEndian.AppendUint32(nil, uint32(p.From)) // before all keys that begin so, for it is shorter
	for {
		items, err := r.state.store.List(ctx, space, after, 1000)
		if err != nil {
			return fmt.Errorf("list %s in the store: %w", space, err)
		}
		for _, item := range items {
			if len(item.Key) < 4 || uint64(binary.BigEndian.Uint32(item.Key)) >= p.To {
				return nil
			}
			if err := mark(ctx, item); err != nil {
				return err
			}
			after = item.Key
		}
		if len(items) == 0 {
			return nil
		}
		if err := r.save(ctx); err != nil {
			return err
		}
	}
}

// markLog has a log compared from its first record on.
func (r *round) markLog(ctx context.Context, item Item) error {
	if !r.api {
		return nil
	}
	var state packageState
	if _, err := r.state.getJSON(ctx, spacePackage, item.Key, &state); err != nil {
		return err
	}
	state.Again = true
	r.state.put(spaceDirty, item.Key, []byte{1})
	return r.state.putJSON(spacePackage, item.Key, state)
}

// markContent has a content asked for.
func (r *round) markContent(ctx context.Context, item Item) error {
	queued, err := r.state.get(ctx, spaceContent, item.Key)
	if err == nil && queued == nil {
		r.state.put(spaceContent, item.Key, item.Value)
	}
	return err
}

// readAgain reads the static files of a part of both logs again.
func (r *round) readAgain(ctx context.Context, p part) error {
	records, ok := r.log.(*tiledRecords)
	if !ok {
		return nil
	}
	if from, to := bundlesOf(p, r.pos.Records); from < to {
		err := records.batches(ctx, from, to, func(b batch) error {
			for i := range b.entries {
				if prepareOne(b.entries[i], b.envelopes[i]).unfit {
					return b.unfit(ctx, b.first+uint64(i))
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if from, to := bundlesOf(p, r.pos.Checkpoints); from < to && r.logged != nil {
		return r.logged.leaves(ctx, from, to, func(uint64, []byte) error { return nil })
	}
	return nil
}

// bundlesOf are the entries of the bundles of a log of some size that begin in a part of
// it.
func bundlesOf(p part, size uint64) (from, to uint64) {
	at := func(place uint64) uint64 {
		high, low := bits.Mul64(place, size)
		entry := high<<32 | low>>32
		return min((entry+tlog.TileWidth-1)/tlog.TileWidth*tlog.TileWidth, size)
	}
	return at(p.From), at(p.To)
}
