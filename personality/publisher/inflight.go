package publisher

import (
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// inFlight is which records were handed to the records log, or are about to be, and
// are not published yet. Not safe for concurrent use.
type inFlight struct {
	records map[protocol.LogLeaf]*recordInFlight
	keys    map[int64]bool         // the records' keys
	logs    map[int64]*logInFlight // by the logs' keys; only those with records in flight
	queued  int                    // records that are not known to be sequenced
}

type recordInFlight struct {
	key       int64
	log       *logInFlight
	sequenced bool
}

// logInFlight is a package log, or the operator's, with records in flight. They are
// handed over in the order of their positions.
type logInFlight struct {
	key      int64
	operator bool
	next     uint64 // position behind the last record that was handed over
	length   uint64 // accepted records, when last read
	queued   int    // records that are not known to be sequenced
	records  int    // in flight
}

func newInFlight() inFlight {
	return inFlight{records: map[protocol.LogLeaf]*recordInFlight{}, keys: map[int64]bool{}, logs: map[int64]*logInFlight{}}
}

// add notes that records are about to be handed over.
func (f *inFlight) add(batch []store.Pending) {
	for _, p := range batch {
		l := f.logs[p.Log]
		if l == nil {
			l = &logInFlight{key: p.Log, operator: p.Name == ""}
			f.logs[p.Log] = l
		}
		l.next, l.length = p.Position+1, p.LogLength
		l.queued++
		l.records++
		f.queued++
		f.records[p.Leaf] = &recordInFlight{key: p.Record, log: l}
		f.keys[p.Record] = true
	}
}

// sequenced notes that a record has its place in the records log.
func (f *inFlight) sequenced(leaf protocol.LogLeaf) {
	if r := f.records[leaf]; r != nil && !r.sequenced {
		r.sequenced = true
		r.log.queued--
		f.queued--
	}
}

// published forgets a record.
func (f *inFlight) published(leaf protocol.LogLeaf) {
	r := f.records[leaf]
	if r == nil {
		return
	}
	f.sequenced(leaf)
	delete(f.records, leaf)
	delete(f.keys, r.key)
	if r.log.records--; r.log.records == 0 {
		delete(f.logs, r.log.key)
	}
}

// operator tells whether a record of the operator log is in flight.
func (f *inFlight) operator() bool {
	for _, l := range f.logs {
		if l.operator {
			return true
		}
	}
	return false
}
