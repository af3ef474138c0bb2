package registry

import (
	"context"
	"slices"

	"github.com/warg-trillian/warg-trillian/personality/protocol"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
)

// maxInFlight bounds how many records are on their way through Trillian, and so
// the memory that sequencing takes.
const maxInFlight = 4096

// sequencer hands complete records to Trillian. What it remembers only saves
// asking again: if all of it is lost, the records that are not published are
// queued once more, and Trillian takes each leaf once. It belongs to the
// goroutine of [Registry.Run].
type sequencer struct {
	r       *Registry
	flights map[protocol.LogLeaf]*flight // handed to Trillian, not published yet
	ready   map[int64]bool               // those of them that stand in the ready table, by record
	lanes   map[int64]*lane              // by log
	waiting int                          // flights that Trillian has not sequenced yet
	begun   bool                         // something has been queued
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

func newSequencer(r *Registry) *sequencer {
	return &sequencer{r: r, flights: map[protocol.LogLeaf]*flight{}, ready: map[int64]bool{}, lanes: map[int64]*lane{}}
}

// choose returns records to hand to Trillian now, the records of one log in
// order. A package record is not sequenced before the operator record that
// defines its namespace, since auditors read the log in order: while an operator
// record is on its way, nothing else is chosen.
func (s *sequencer) choose(ctx context.Context) ([]store.Pending, error) {
	room := maxInFlight - len(s.flights)
	if room <= 0 {
		return nil, nil
	}
	var chosen []store.Pending
	err := s.r.Store.View(ctx, func(tx *store.Tx) error {
		ids, err := tx.Ready(len(s.ready) + room)
		if err != nil {
			return err
		}
		ids = slices.DeleteFunc(ids, func(id int64) bool { return s.ready[id] })
		if chosen, err = tx.Pending(ids[:min(len(ids), room)]); err != nil {
			return err
		}
		following, err := s.following(tx, room-len(chosen))
		chosen = append(chosen, following...)
		return err
	})
	return s.operatorFirst(chosen), err
}

// following returns the successors of records that are on their way, as far as
// the order of one log stands more of it.
func (s *sequencer) following(tx *store.Tx, room int) ([]store.Pending, error) {
	var all []store.Pending
	for _, l := range s.lanes {
		limit := min(s.r.InFlightPerLog-l.waiting, room-len(all))
		if l.next >= l.length || limit <= 0 {
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

func (s *sequencer) operatorFirst(chosen []store.Pending) []store.Pending {
	for _, l := range s.lanes {
		if l.operator && l.waiting > 0 {
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

// queued notes that records are on their way, or about to be.
func (s *sequencer) queued(chosen []store.Pending) {
	for _, p := range chosen {
		l := s.lanes[p.Log]
		if l == nil {
			l = &lane{log: p.Log, operator: p.Name == ""}
			s.lanes[p.Log] = l
		}
		l.next, l.length = p.Position+1, p.LogLength
		l.waiting++
		l.flights++
		s.waiting++
		s.flights[p.Leaf] = &flight{record: p.Record, lane: l}
		s.ready[p.Record] = true
	}
}

// sequenced notes that Trillian has given a record its place.
func (s *sequencer) sequenced(leaf protocol.LogLeaf) {
	if f := s.flights[leaf]; f != nil && !f.sequenced {
		f.sequenced = true
		f.lane.waiting--
		s.waiting--
	}
}

// published forgets a record that a checkpoint covers.
func (s *sequencer) published(leaf protocol.LogLeaf) {
	f := s.flights[leaf]
	if f == nil {
		return
	}
	s.sequenced(leaf)
	delete(s.flights, leaf)
	delete(s.ready, f.record)
	if f.lane.flights--; f.lane.flights == 0 {
		delete(s.lanes, f.lane.log)
	}
}
