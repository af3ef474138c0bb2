package publisher

import (
	"context"
	"slices"
	"sync"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	// maxInFlight bounds how many records are on their way through Trillian, and
	// so the memory that sequencing takes.
	maxInFlight = 4096
	// maxChosen bounds how many are handed over at a time, so that the successors
	// of those before them need not wait long.
	maxChosen = 512
)

// sequencer hands complete records to Trillian. What it remembers only saves
// asking again: if all of it is lost, the records that are not published are
// queued once more, and Trillian takes each leaf once. One goroutine sequences;
// another may tell meanwhile what has become of the records.
type sequencer struct {
	r     *Publisher
	begun bool // something has been queued; of the sequencing goroutine

	mu      sync.Mutex                   // guards all below, and what it points to
	flights map[protocol.LogLeaf]*flight // handed to Trillian, or about to be, and not published yet
	ready   map[int64]bool               // the records of them
	lanes   map[int64]*lane              // by log
	pending int                          // flights that Trillian has not sequenced yet
}

// flight is a record on its way through Trillian.
type flight struct {
	record    int64
	lane      *lane
	sequenced bool
}

// lane is a log with records on their way. They go through Trillian in the
// order of their positions.
type lane struct {
	log      int64
	operator bool
	next     uint64 // position behind the last record that was handed over
	length   uint64 // accepted records, when last seen
	waiting  int    // records that Trillian has not sequenced yet
	flights  int
}

func newSequencer(r *Publisher) *sequencer {
	s := &sequencer{r: r}
	s.reset()
	return s
}

// reset forgets everything. What is not published is handed over again.
func (s *sequencer) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun, s.pending = false, 0
	s.flights, s.ready, s.lanes = map[protocol.LogLeaf]*flight{}, map[int64]bool{}, map[int64]*lane{}
}

// choose returns records to hand to Trillian now, the records of one log in
// order, and notes that they are on their way.
//
// It keeps others from the sequencer while it reads. So a record is either seen
// as published by it, or has its flight when [sequencer.published] ends that.
func (s *sequencer) choose(ctx context.Context) ([]store.Pending, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	room := min(maxChosen, maxInFlight-len(s.flights))
	if room <= 0 {
		return nil, nil
	}
	var chosen []store.Pending
	err := s.r.publishing.View(ctx, func(tx *store.Tx) error {
		ids, err := tx.Ready(len(s.ready) + room)
		if err != nil {
			return err
		}
		ids = slices.DeleteFunc(ids, func(id int64) bool { return s.ready[id] })
		if chosen, err = tx.Pending(ids[:min(len(ids), room)]); err != nil {
			return err
		}
		following, err := s.following(tx, chosen, room-len(chosen))
		chosen = append(chosen, following...)
		return err
	})
	if err != nil {
		return nil, err
	}
	chosen = s.operatorFirst(chosen)
	s.note(chosen)
	return chosen, nil
}

// following returns the successors of records that are on their way, as far as
// the order of one log stands more of it, except for logs of which a record is
// chosen already.
func (s *sequencer) following(tx *store.Tx, chosen []store.Pending, room int) ([]store.Pending, error) {
	begun := make(map[int64]bool, len(chosen))
	for _, p := range chosen {
		begun[p.Log] = true
	}
	var all []store.Pending
	for _, l := range s.lanes {
		limit := min(s.r.InFlightPerLog-l.waiting, room-len(all))
		if l.next >= l.length || limit <= 0 || begun[l.log] {
			continue
		}
		next, err := tx.PendingFrom(l.log, l.next, limit)
		if err != nil {
			return nil, err
		}
		if len(next) == 0 {
			l.length = l.next // incomplete; it will come by the ready table
		}
		all = append(all, next...)
	}
	return all, nil
}

// operatorFirst sees to it that no package record is sequenced before the operator
// record that defines its namespace, since auditors read the log in order: an
// operator record goes alone, and until it is published nothing follows. The
// next one is ready then, and older than every record that rests on it.
func (s *sequencer) operatorFirst(chosen []store.Pending) []store.Pending {
	for _, l := range s.lanes {
		if l.operator {
			return nil
		}
	}
	for i, p := range chosen {
		if p.Name == "" {
			return chosen[i : i+1]
		}
	}
	return chosen
}

// queue hands records to Trillian: the first of each log at the same time, then
// the second of each, and so on, so that each log keeps its order.
//
// What was queued by a process before this one is likely to be there already.
// The first leaf goes alone, since a log server that has never been asked about
// such a leaf needs a connection to spare to learn how to answer.
func (s *sequencer) queue(ctx context.Context, chosen []store.Pending) error {
	if len(chosen) > 0 && !s.begun {
		first := chosen[0]
		if err := s.r.Records.Queue(ctx, []trilliansvc.Leaf{newLeaf(first.Leaf, first.Name, first.Envelope)}); err != nil {
			return err
		}
		s.begun, chosen = true, chosen[1:]
	}
	for len(chosen) > 0 {
		var round []trilliansvc.Leaf
		var later []store.Pending
		seen := make(map[int64]bool, len(chosen))
		for _, p := range chosen {
			if seen[p.Log] {
				later = append(later, p)
				continue
			}
			seen[p.Log] = true
			round = append(round, newLeaf(p.Leaf, p.Name, p.Envelope))
		}
		if err := s.r.Records.Queue(ctx, round); err != nil {
			return err
		}
		chosen = later
	}
	return s.r.Records.Advance(ctx)
}

// note notes that records are about to be on their way.
func (s *sequencer) note(chosen []store.Pending) {
	for _, p := range chosen {
		l := s.lanes[p.Log]
		if l == nil {
			l = &lane{log: p.Log, operator: p.Name == ""}
			s.lanes[p.Log] = l
		}
		l.next, l.length = p.Position+1, p.LogLength
		l.waiting++
		l.flights++
		s.pending++
		s.flights[p.Leaf] = &flight{record: p.Record, lane: l}
		s.ready[p.Record] = true
	}
}

// waiting is how many records Trillian has or is about to get, and has not
// sequenced yet.
func (s *sequencer) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending
}

// sequenced notes that Trillian has given records their places.
func (s *sequencer) sequenced(leaves []protocol.LogLeaf) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, leaf := range leaves {
		if f := s.flights[leaf]; f != nil {
			s.land(f)
		}
	}
}

func (s *sequencer) land(f *flight) {
	if !f.sequenced {
		f.sequenced = true
		f.lane.waiting--
		s.pending--
	}
}

// published forgets records that a checkpoint covers.
func (s *sequencer) published(leaves []protocol.LogLeaf) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, leaf := range leaves {
		f := s.flights[leaf]
		if f == nil {
			continue
		}
		s.land(f)
		delete(s.flights, leaf)
		delete(s.ready, f.record)
		if f.lane.flights--; f.lane.flights == 0 {
			delete(s.lanes, f.lane.log)
		}
	}
}
