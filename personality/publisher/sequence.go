package publisher

import (
	"context"
	"slices"
	"sync"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	// maxInFlight bounds how many records are in flight, and so the memory that
	// sequencing takes.
	maxInFlight = 4096
	// maxBatch bounds how many are handed over at a time, so that the successors
	// of those before them need not wait long.
	maxBatch = 512
)

// sequencer hands complete records to the records log. What it remembers only saves
// asking again: if all of it is lost, the records that are not published are queued
// once more, and the log takes each leaf once. One goroutine sequences; another may
// tell meanwhile what has become of the records.
type sequencer struct {
	p     *Publisher
	begun bool // something has been queued; of the sequencing goroutine

	mu       sync.Mutex
	inFlight inFlight // guarded by mu
}

func newSequencer(p *Publisher) *sequencer {
	return &sequencer{p: p, inFlight: newInFlight()}
}

// reset forgets everything. What is not published is handed over again.
func (s *sequencer) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun, s.inFlight = false, newInFlight()
}

// nextBatch returns records to hand over now, those of one log in their order, and
// notes that they are in flight.
//
// It keeps [sequencer.published] waiting while it reads: so what it reads as not
// published is noted before it could be forgotten.
func (s *sequencer) nextBatch(ctx context.Context) ([]store.Pending, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	room := min(maxBatch, maxInFlight-len(s.inFlight.records))
	if room <= 0 {
		return nil, nil
	}
	var batch []store.Pending
	err := s.p.options.Store.View(ctx, func(tx *store.Tx) error {
		keys, err := tx.Ready(len(s.inFlight.keys) + room)
		if err != nil {
			return err
		}
		keys = slices.DeleteFunc(keys, func(key int64) bool { return s.inFlight.keys[key] })
		if batch, err = tx.Pending(keys[:min(len(keys), room)]); err != nil {
			return err
		}
		successors, err := s.successors(tx, batch, room-len(batch))
		batch = append(batch, successors...)
		return err
	})
	if err != nil {
		return nil, err
	}
	batch = s.operatorFirst(batch)
	s.inFlight.add(batch)
	return batch, nil
}

// successors returns records that follow those in flight in their logs, as many of
// a log as [Options.InFlightPerLog] allows. Logs of which the batch has a record are
// left out.
func (s *sequencer) successors(tx *store.Tx, batch []store.Pending, room int) ([]store.Pending, error) {
	inBatch := make(map[int64]bool, len(batch))
	for _, p := range batch {
		inBatch[p.Log] = true
	}
	var all []store.Pending
	for _, l := range s.inFlight.logs {
		limit := min(s.p.options.InFlightPerLog-l.queued, room-len(all))
		if l.next >= l.length || limit <= 0 || inBatch[l.key] {
			continue
		}
		next, err := tx.PendingFrom(l.key, l.next, limit)
		if err != nil {
			return nil, err
		}
		if len(next) == 0 {
			l.length = l.next // the next one is incomplete; it comes by the ready table
		}
		all = append(all, next...)
	}
	return all, nil
}

// operatorFirst sees to it that no package record is sequenced before the operator
// record that defines its namespace, since auditors read the log in order: an
// operator record goes alone, and until it is published nothing follows. The next
// one is ready then, and older than every record that rests on it.
func (s *sequencer) operatorFirst(batch []store.Pending) []store.Pending {
	if s.inFlight.operator() {
		return nil
	}
	for i, p := range batch {
		if p.Name == "" {
			return batch[i : i+1]
		}
	}
	return batch
}

// queue hands a batch to the records log: the first record of each log at the same
// time, then the second of each, and so on, so that each log keeps its order.
//
// What was queued by a process before this one is likely to be there already. The
// first leaf goes alone, since a Trillian log server that has never been asked about
// such a leaf needs a connection to spare to learn how to answer.
func (s *sequencer) queue(ctx context.Context, batch []store.Pending) error {
	if len(batch) > 0 && !s.begun {
		if err := s.p.options.Records.Queue(ctx, []follow.Leaf{leafOf(batch[0])}); err != nil {
			return err
		}
		s.begun, batch = true, batch[1:]
	}
	for len(batch) > 0 {
		var round []follow.Leaf
		var rest []store.Pending
		inRound := make(map[int64]bool, len(batch))
		for _, p := range batch {
			if inRound[p.Log] {
				rest = append(rest, p)
				continue
			}
			inRound[p.Log] = true
			round = append(round, leafOf(p))
		}
		if err := s.p.options.Records.Queue(ctx, round); err != nil {
			return err
		}
		batch = rest
	}
	return s.p.options.Records.Integrate(ctx)
}

func leafOf(p store.Pending) follow.Leaf { return newLeaf(p.Leaf, p.Name, p.Envelope) }

// queued is how many records the log has or is about to get, and is not known to
// have sequenced.
func (s *sequencer) queued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inFlight.queued
}

// sequenced notes that records have their places in the records log.
func (s *sequencer) sequenced(leaves []sequencedLeaf) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, leaf := range leaves {
		s.inFlight.sequenced(leaf.LogLeaf)
	}
}

// published forgets records that are published.
func (s *sequencer) published(leaves []protocol.LogLeaf) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, leaf := range leaves {
		s.inFlight.published(leaf)
	}
}
