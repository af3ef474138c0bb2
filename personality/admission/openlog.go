package admission

import (
	"errors"
	"fmt"
	"slices"

	"github.com/warg-trillian/warg-trillian/personality/policy"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// submission is a package record that is posted, and what became of it.
type submission struct {
	name     protocol.PackageName
	record   *protocol.SignedPackageRecord
	envelope []byte          // protobuf
	contents []protocol.Hash // all that it names
	here     []protocol.Hash // those of them that are here
	client   string          // who posts it
	hasRoom  bool            // another record's waiting was ended for it
	inTurn   bool            // it has the turn of those that cost much
	behind   protocol.Hash   // the waiting record behind which it is known to be valid; zero: none
	restored bool            // it comes from Trillian's log: only the protocol's rules count

	// Set by the batch. A refusal has changed nothing.
	status  registry.RecordStatus
	refusal error
	// unchecked: it follows records that wait and that are many or large, and is to
	// be checked beside commits first, see [Admission.checkChain].
	unchecked bool
}

func (s *submission) missing() []protocol.Hash {
	return slices.DeleteFunc(slices.Clone(s.contents), func(d protocol.Hash) bool { return slices.Contains(s.here, d) })
}

// openLog is a package log in a batch.
type openLog struct {
	b        *batch
	row      *store.Log
	newest   store.RecordRef // the last accepted record; zero if there is none
	waiting  []*waitingRecord
	releases []store.Release // of the versions that were asked for
	asked    map[string]bool
	made     map[protocol.Hash]*store.RecordChange // posted in this batch

	accepted *protocol.PackageLog // after all accepted records; nil until [openLog.load]
	changed  bool                 // row is to be written
	advanced bool                 // accepted is ahead of row.State
}

// unasked adds the keys of the versions that a record names and that were not
// asked for yet.
func (l *openLog) unasked(keys []store.ReleaseKey, record *protocol.PackageRecord) []store.ReleaseKey {
	for _, e := range record.Entries {
		if (e.Type == protocol.EntryRelease || e.Type == protocol.EntryYank) && !l.asked[e.Version] {
			l.asked[e.Version] = true
			keys = append(keys, store.ReleaseKey{Log: l.row.ID, Version: e.Version})
		}
	}
	return keys
}

// load makes the state after all accepted records, with the releases of the
// versions that a record names.
func (l *openLog) load(records ...*protocol.PackageRecord) error {
	if l.accepted == nil {
		l.accepted = new(protocol.PackageLog)
		if l.row.Length > 0 {
			if err := l.accepted.UnmarshalState(l.row.State); err != nil {
				return fmt.Errorf("read the state of log %s: %w", l.row.LogID, err)
			}
		}
	}
	var keys []store.ReleaseKey
	for _, record := range records {
		keys = l.unasked(keys, record)
	}
	if len(keys) > 0 && l.row.ID != 0 {
		more, err := l.b.tx.Releases(keys)
		if err != nil {
			return err
		}
		l.releases = append(l.releases, more...)
	}
	for _, r := range l.releases {
		known := protocol.Release{Version: r.Version, Content: protocol.AnyHash(r.Content)}
		if r.Yanked != nil {
			known.Yank = new(protocol.Yank)
		}
		l.accepted.SetRelease(known)
	}
	l.releases = nil
	return nil
}

// head is the id of the last accepted record, empty if there is none.
func (l *openLog) head() protocol.AnyHash {
	if l.row.Length == 0 {
		return ""
	}
	return l.newest.RecordID.Any()
}

// submit takes a record: into the log if it is complete and follows the head,
// else beside it.
func (l *openLog) submit(s *submission) error {
	s.refusal, s.unchecked = nil, false
	if done, err := l.postedBefore(s); done || err != nil {
		return err
	}
	if err := l.load(s.record.Record); err != nil {
		return err
	}
	prev := s.record.Record.Prev
	if prev == l.head() {
		if len(s.here) < len(s.contents) {
			return l.submitBehind(s, nil)
		}
		if s.refusal = l.validate(l.accepted, s); s.refusal != nil {
			return nil
		}
		change := l.newChange(s)
		return l.enter(change, s.record)
	}
	if w := l.find(func(w *waitingRecord) bool { return w.change.RecordID.Any() == prev }); w != nil && !s.restored {
		return l.submitBehind(s, w)
	}
	return l.refuseFork(s)
}

// postedBefore answers for a record that is here already, or that stands as the
// first one of another log: signatures do not cover names, so anybody could give
// somebody's record another one.
func (l *openLog) postedBefore(s *submission) (bool, error) {
	if change := l.made[s.record.ID]; change != nil {
		s.status = madeStatus(change)
		if change.State == store.Rejected {
			s.refusal = &registry.RejectionError{Reason: change.Reason}
		}
		return true, nil
	}
	elsewhere := l.b.firsts[s.record.ID] != nil
	for _, ref := range l.b.known[s.record.ID] {
		if ref.Log == l.row.ID {
			return true, l.answerAgain(s, ref)
		}
		elsewhere = elsewhere || ref.State != store.Rejected
	}
	if elsewhere && s.record.Record.Prev == "" && !s.restored {
		s.refusal = &registry.RejectionError{Reason: fmt.Sprintf("record `%s` is the first one of another package: sign one for this package", s.record.ID)}
		return true, nil
	}
	return false, nil
}

func (l *openLog) answerAgain(s *submission, ref store.RecordRef) error {
	known, err := l.b.tx.RecordByID(ref.ID)
	if err != nil {
		return err
	}
	if s.restored && known.State == store.Waiting {
		return l.restoreWaiting(known.ID)
	}
	if s.status, err = registry.StatusOf(l.b.tx, known); err != nil {
		return err
	}
	if s.status.State == registry.Rejected {
		s.refusal = &registry.RejectionError{Reason: s.status.Reason}
	}
	return nil
}

// refuseFork refuses a record that follows neither the head nor a record that
// waits. Whose it is comes first, as in the reference server; then, whether its
// author may not have seen the head yet.
func (l *openLog) refuseFork(s *submission) error {
	if s.refusal = checkSignature(l.accepted, s.record); s.refusal != nil {
		return nil
	}
	if l.row.Length > 0 && l.newest.State != store.Published {
		s.refusal = &registry.ConflictPendingPublishError{RecordID: l.newest.RecordID}
		return nil
	}
	if s.refusal = l.validate(l.accepted, s); s.refusal == nil {
		return fmt.Errorf("record %s follows %q, which is not the head %q, and is valid", s.record.ID, s.record.Record.Prev, l.head())
	}
	return nil
}

// validate applies the protocol's rules and this registry's stricter ones to a
// record, and changes log to the state after it. Whose record it is comes first,
// as in the reference server: nobody else learns anything about it. Then what the
// protocol says: its words are those that clients know.
func (l *openLog) validate(log *protocol.PackageLog, s *submission) error {
	if s.restored {
		return log.Validate(s.record)
	}
	if refusal := checkSignature(log, s.record); refusal != nil {
		return refusal
	}
	stricter := policy.Admit(log, s.record)
	if ahead := l.b.a.options.MaxClockSkew; stricter == nil && ahead > 0 {
		stricter = policy.NotAhead(l.b.a.options.Now(), ahead, log, s.record.Record)
	}
	if stricter != nil {
		var err error
		if log, err = copyLog(log, s.record.Record); err != nil { // refused, it must change nothing
			return err
		}
	}
	if err := log.Validate(s.record); err != nil {
		return &registry.RejectionError{Reason: err.Error()}
	}
	return policyError(stricter)
}

// copyLog copies the state of a log, with those of its releases that records
// name.
func copyLog(log *protocol.PackageLog, records ...*protocol.PackageRecord) (*protocol.PackageLog, error) {
	state, err := log.MarshalState()
	if err != nil {
		return nil, err
	}
	other := new(protocol.PackageLog)
	if err := other.UnmarshalState(state); err != nil {
		return nil, err
	}
	for _, record := range records {
		for _, e := range record.Entries {
			if r, ok := log.Release(e.Version); ok {
				other.SetRelease(r)
			}
		}
	}
	return other, nil
}

// checkSignature refuses a record that is not signed by a key of its log, with
// the reference server's words.
func checkSignature(log *protocol.PackageLog, record *protocol.SignedPackageRecord) error {
	key, known := signingKey(log, record)
	if !known {
		return unknownKey(record.Envelope.KeyID)
	}
	if record.VerifySignature(key) != nil {
		return errWrongSignature
	}
	return nil
}

func unknownKey(id protocol.KeyID) error {
	return &registry.UnauthorizedError{Reason: fmt.Sprintf("unknown key id `%s`", id)}
}

var errWrongSignature = &registry.UnauthorizedError{Reason: "record signature verification failed"}

// enter makes a valid record the newest of the log, which validation has taken
// into its state, and ends the waiting of others that this decides.
func (l *openLog) enter(change *store.RecordChange, record *protocol.SignedPackageRecord) error {
	before := l.head()
	change.State, change.Position = store.Processing, l.row.Length
	change.Ready = l.row.Length == 0 || l.newest.State == store.Published
	l.row.Length++
	l.newest = store.RecordRef{RecordID: record.ID, State: store.Processing}
	l.changed, l.advanced = true, true
	l.b.entered++
	for _, e := range record.Record.Entries {
		switch e.Type {
		case protocol.EntryRelease:
			l.b.changes.Releases = append(l.b.changes.Releases, store.NewRelease{Log: l.row, Version: e.Version, Content: string(e.Content), Released: change.Position})
		case protocol.EntryYank:
			l.b.changes.Yanks = append(l.b.changes.Yanks, store.NewYank{Log: l.row, Version: e.Version, Yanked: change.Position})
		}
	}
	for _, w := range l.waitingOn(before) {
		l.reject(w, fmt.Sprintf("superseded by record `%s`", record.ID))
	}
	return l.promote()
}

// newChange makes the row of a posted record.
func (l *openLog) newChange(s *submission) *store.RecordChange {
	if l.row.ID == 0 {
		l.row.Name = s.name.String()
	}
	change := &store.RecordChange{
		Log: l.row, RecordID: s.record.ID, At: l.b.a.options.Now(), Envelope: s.envelope,
		Prev: s.record.Record.Prev, KeyID: s.record.Envelope.KeyID, Client: s.client, Entries: len(s.record.Record.Entries),
		Contents: s.contents, Arrived: s.here, Missing: len(s.contents) - len(s.here),
	}
	l.made[s.record.ID] = change
	if change.Prev == "" {
		l.b.firsts[change.RecordID] = l
	}
	l.b.changes.Records = append(l.b.changes.Records, change)
	s.status = registry.RecordStatus{RecordID: s.record.ID, State: registry.Processing}
	return change
}

func madeStatus(change *store.RecordChange) registry.RecordStatus {
	status := registry.RecordStatus{RecordID: change.RecordID, State: registry.Processing}
	switch {
	case change.State == store.Rejected:
		status.State, status.Reason = registry.Rejected, change.Reason
	case change.State == store.Waiting && change.Missing > 0:
		status.State = registry.Sourcing
		for _, d := range change.Contents {
			if !slices.Contains(change.Arrived, d) {
				status.Missing = append(status.Missing, d)
			}
		}
	}
	return status
}

// policyError turns a verdict of package policy into an error of package registry.
func policyError(err error) error {
	var unauthorized *policy.UnauthorizedError
	if errors.As(err, &unauthorized) {
		return &registry.UnauthorizedError{Reason: unauthorized.Error()}
	}
	var rejection *policy.RejectionError
	if errors.As(err, &rejection) {
		return &registry.RejectionError{Reason: rejection.Error()}
	}
	return err
}
