package admission

import (
	"fmt"
	"slices"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// waitingRecord is a record that waits beside an open log.
type waitingRecord struct {
	change   *store.RecordChange
	bytes    int64
	entries  int
	signer   store.WaitingClient
	activeAt time.Time
	listed   bool // change is among the batch's changes
}

// find returns the first waiting record that fits, or nil.
func (l *openLog) find(fits func(*waitingRecord) bool) *waitingRecord {
	if i := slices.IndexFunc(l.waiting, fits); i >= 0 {
		return l.waiting[i]
	}
	return nil
}

func (l *openLog) findKey(record int64) *waitingRecord {
	return l.find(func(w *waitingRecord) bool { return w.change.ID == record })
}

// waitingOn returns the records that wait to follow a record, in the order in
// which they came.
func (l *openLog) waitingOn(prev protocol.AnyHash) []*waitingRecord {
	var all []*waitingRecord
	for _, w := range l.waiting {
		if w.change.Prev == prev {
			all = append(all, w)
		}
	}
	return all
}

// submitBehind lets a record wait that follows the head, or a record that waits.
// It is validated against the log as accepted and the waiting records that it
// builds on.
func (l *openLog) submitBehind(s *submission, behind *waitingRecord) error {
	if behind == nil || s.behind != behind.change.RecordID {
		if l.chainBytes(behind) > maxChainInCommit {
			s.unchecked = true
			return nil
		}
		if err := l.validateBehind(behind, s); s.refusal != nil || err != nil {
			return err
		}
	}
	var err error
	if s.refusal, err = l.b.roomToWait(l, s); s.refusal != nil || err != nil {
		return err
	}
	change := l.newChange(s)
	change.State = store.Waiting
	l.waiting = append(l.waiting, &waitingRecord{
		change: change, bytes: int64(len(s.envelope)), entries: change.Entries, signer: store.WaitingClientOf(string(change.KeyID)), activeAt: change.At, listed: true,
	})
	l.row.Waiting++
	l.changed = true
	l.b.a.remember(s.record)
	if missing := s.missing(); len(missing) > 0 {
		s.status.State, s.status.Missing = registry.Sourcing, missing
	}
	return nil
}

// validateBehind validates a record that follows one that waits, or the head.
func (l *openLog) validateBehind(behind *waitingRecord, s *submission) error {
	log, err := l.stateBehind(behind, s.record.Record)
	if err != nil {
		return err
	}
	s.refusal = l.validate(log, s)
	return nil
}

// before returns the waiting record that another one follows; nil if that follows
// one that is accepted, or none.
func (l *openLog) before(w *waitingRecord) *waitingRecord {
	return l.find(func(other *waitingRecord) bool { return other.change.RecordID.Any() == w.change.Prev })
}

// chainBytes is the size of the waiting records that end with one.
func (l *openLog) chainBytes(w *waitingRecord) (bytes int64) {
	for ; w != nil; w = l.before(w) {
		bytes += w.bytes
	}
	return bytes
}

// stateBehind returns the state of the log after a record that waits, or after
// all that are accepted; a copy, with the releases of the versions that record
// names.
func (l *openLog) stateBehind(w *waitingRecord, record *protocol.PackageRecord) (*protocol.PackageLog, error) {
	var chain []*protocol.SignedPackageRecord
	for w != nil {
		decoded, err := l.decode(w.change)
		if err != nil {
			return nil, err
		}
		chain = append(chain, decoded)
		w = l.before(w)
	}
	slices.Reverse(chain)
	records := []*protocol.PackageRecord{record}
	for _, c := range chain {
		records = append(records, c.Record)
	}
	if err := l.load(records...); err != nil {
		return nil, err
	}
	log, err := copyLog(l.accepted, records...)
	if err != nil {
		return nil, err
	}
	for _, c := range chain {
		if err := log.Validate(c); err != nil {
			return nil, fmt.Errorf("record %s, which waits beside log %s, is not valid any more: %w", c.ID, l.row.LogID, err)
		}
	}
	return log, nil
}

// decode returns the record of a row.
func (l *openLog) decode(change *store.RecordChange) (*protocol.SignedPackageRecord, error) {
	if record, ok := l.b.a.decoded.Get(change.RecordID); ok && !l.b.preview {
		return record, nil
	}
	encoded := change.Envelope
	if change.ID != 0 {
		row, err := l.b.tx.RecordByID(change.ID)
		if err != nil {
			return nil, err
		}
		encoded = row.Envelope
	}
	envelope, err := protocol.UnmarshalEnvelopeProto(encoded)
	if err != nil {
		return nil, err
	}
	record, err := protocol.ParsePackageEnvelope(envelope)
	if err == nil && !l.b.preview {
		l.b.a.remember(record)
	}
	return record, err
}

// remember keeps a decoded record for those that will be posted behind it.
func (a *Admission) remember(record *protocol.SignedPackageRecord) {
	if len(record.Envelope.Content) <= maxDecoded {
		a.decoded.Add(record.ID, record)
	}
}

// promote lets the first complete and valid record that waits to follow the head
// enter the log. That goes on with those that wait to follow it.
func (l *openLog) promote() error {
	for _, w := range l.waitingOn(l.head()) {
		if w.change.Missing > 0 {
			continue
		}
		record, err := l.decode(w.change)
		if err != nil {
			return err
		}
		if err := l.load(record.Record); err != nil {
			return err
		}
		if refusal := l.validate(l.accepted, &submission{record: record}); refusal != nil {
			l.reject(w, refusal.Error())
			continue
		}
		l.leave(w)
		return l.enter(w.change, record)
	}
	return nil
}

// contentArrived notes that a content is here that a record may wait for.
func (l *openLog) contentArrived(record int64, digest protocol.Hash) error {
	w := l.findKey(record)
	if w == nil || slices.Contains(w.change.Arrived, digest) {
		return nil
	}
	missing, err := l.b.tx.Contents(record)
	if err != nil || !missing[digest] {
		return err
	}
	w.change.Arrived = append(w.change.Arrived, digest)
	w.change.Missing--
	l.list(w)
	if w.change.Missing > 0 || w.change.Prev != l.head() {
		return nil
	}
	return l.promote()
}

// restoreWaiting lets a record enter that stands in Trillian's log and still
// waits here, as it may after an older copy of the database was put back.
func (l *openLog) restoreWaiting(record int64) error {
	w := l.findKey(record)
	if w == nil || w.change.Prev != l.head() {
		return fmt.Errorf("it waits here for a record that is not in the log")
	}
	decoded, err := l.decode(w.change)
	if err != nil {
		return err
	}
	if err := l.load(decoded.Record); err != nil {
		return err
	}
	if err := l.accepted.Validate(decoded); err != nil {
		return err
	}
	l.leave(w)
	return l.enter(w.change, decoded)
}

// reject ends the waiting of a record, and of all that build on it.
func (l *openLog) reject(w *waitingRecord, reason string) {
	l.rejectAll(w, reason, fmt.Sprintf("record `%s` before it was rejected: %s", w.change.RecordID, reason))
}

func (l *openLog) rejectAll(w *waitingRecord, reason, behind string) {
	w.change.State, w.change.Reason = store.Rejected, reason
	l.leave(w)
	for _, next := range l.waitingOn(w.change.RecordID.Any()) {
		l.rejectAll(next, behind, behind)
	}
}

// leave takes a record from those that wait.
func (l *openLog) leave(w *waitingRecord) {
	l.list(w)
	l.waiting = slices.DeleteFunc(l.waiting, func(other *waitingRecord) bool { return other == w })
	l.row.Waiting--
	l.changed = true
}

// list puts the change of a record among those of the batch.
func (l *openLog) list(w *waitingRecord) {
	w.change.At = l.b.a.options.Now()
	if !w.listed {
		w.listed = true
		l.b.changes.Records = append(l.b.changes.Records, w.change)
	}
}
