package admission

import (
	"context"
	"errors"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// maxBatchTasks and maxBatchBytes bound what is done in one transaction.
const (
	maxBatchTasks = 512
	maxBatchBytes = 8 << 20
)

// task is one thing to be done to one log. Those of many callers are done
// together, in one transaction that has the logs alone.
type task struct {
	ctx   context.Context // of the caller: nothing is done for one that is gone
	logID protocol.Hash
	// submission is the record that is posted; nil if run does something else.
	submission *submission
	run        func(*openLog) error
	// err is why nothing was done, or why it is not known whether it was.
	err error
}

func (t *task) bytes() int {
	if t.submission == nil {
		return 0
	}
	return len(t.submission.envelope)
}

// do runs a task and returns when it is durable.
func (a *Admission) do(ctx context.Context, t *task) error {
	t.ctx = ctx
	if err := a.group.Do(context.WithoutCancel(ctx), t); err != nil {
		return err
	}
	return t.err
}

// commit does tasks in one transaction, all or none.
func (a *Admission) commit(tasks []*task) error {
	entered := 0
	err := a.options.Store.Update(context.Background(), func(tx *store.Tx) error {
		b, err := a.openBatch(tx, tasks)
		if err != nil {
			return err
		}
		for _, t := range tasks {
			if t.err = t.ctx.Err(); t.err != nil {
				continue
			}
			if err := b.do(t); err != nil {
				return err
			}
		}
		entered = b.entered
		return b.write()
	})
	if errors.Is(err, store.ErrUnknownOutcome) {
		for _, t := range tasks {
			t.err = err
		}
		return nil // do not do it again
	}
	if err == nil && entered > 0 {
		a.totals.queued(entered)
		a.options.Accepted()
	}
	return err
}

// batch is a transaction that does tasks. It has locked and read the logs that
// they are about; what it makes of them is written at its end.
type batch struct {
	a       *Admission
	tx      *store.Tx
	logs    map[protocol.Hash]*openLog
	known   map[protocol.Hash][]store.RecordRef // records with the ids of those posted, in whatever logs
	firsts  map[protocol.Hash]*openLog          // by the id of a first record, where this batch puts it
	signers map[protocol.KeyID]*store.WaitingTotal
	changes store.Changes
	entered int  // records that entered their logs
	preview bool // nothing will be written; it runs beside commits
}

func (a *Admission) openBatch(tx *store.Tx, tasks []*task) (*batch, error) {
	b := &batch{
		a: a, tx: tx,
		logs:    make(map[protocol.Hash]*openLog, len(tasks)),
		known:   make(map[protocol.Hash][]store.RecordRef),
		firsts:  make(map[protocol.Hash]*openLog),
		signers: make(map[protocol.KeyID]*store.WaitingTotal),
	}
	ids := make([]protocol.Hash, len(tasks))
	var records []protocol.Hash
	for i, t := range tasks {
		ids[i] = t.logID
		if t.submission != nil {
			records = append(records, t.submission.record.ID)
		}
	}
	// The logs first: what is read behind that is as it stays.
	rows, err := tx.Logs(ids)
	if err != nil {
		return nil, err
	}
	for _, t := range tasks {
		if b.logs[t.logID] != nil {
			continue
		}
		row := rows[t.logID]
		if row == nil {
			row = &store.Log{LogID: t.logID, State: []byte{}}
		}
		b.logs[t.logID] = &openLog{b: b, row: row, asked: map[string]bool{}, made: map[protocol.Hash]*store.RecordChange{}}
	}
	refs, err := tx.RecordsWithIDs(records)
	if err != nil {
		return nil, err
	}
	for _, ref := range refs {
		b.known[ref.RecordID] = append(b.known[ref.RecordID], ref)
	}
	return b, errors.Join(b.readNewest(), b.readWaiting(), b.readReleases(tasks))
}

// readNewest reads the newest record of each log.
func (b *batch) readNewest() error {
	byKey := map[int64]*openLog{}
	var places []store.Place
	for _, l := range b.logs {
		if l.row.Length > 0 {
			byKey[l.row.ID] = l
			places = append(places, store.Place{Log: l.row.ID, Position: l.row.Length - 1})
		}
	}
	refs, err := b.tx.RecordsAt(places)
	for _, ref := range refs {
		byKey[ref.Log].newest = ref
	}
	return err
}

// readWaiting reads what waits beside the logs.
func (b *batch) readWaiting() error {
	byKey := map[int64]*openLog{}
	var keys []int64
	for _, l := range b.logs {
		if l.row.Waiting > 0 {
			byKey[l.row.ID] = l
			keys = append(keys, l.row.ID)
		}
	}
	all, err := b.tx.WaitingIn(keys)
	for _, w := range all {
		l := byKey[w.Log]
		l.waiting = append(l.waiting, &waitingRecord{
			change:   &store.RecordChange{ID: w.ID, Log: l.row, RecordID: w.RecordID, State: store.Waiting, Prev: w.Prev, Missing: w.Missing},
			bytes:    w.Bytes,
			entries:  w.Entries,
			signer:   w.Signer,
			activeAt: w.ActiveAt,
		})
	}
	return err
}

// readReleases reads, of the versions that the posted records name, those that
// are released: enough to validate them, at a cost that does not grow with their
// logs.
func (b *batch) readReleases(tasks []*task) error {
	byKey := map[int64]*openLog{}
	var keys []store.ReleaseKey
	for _, t := range tasks {
		l := b.logs[t.logID]
		if t.submission == nil || l.row.Length == 0 {
			continue
		}
		byKey[l.row.ID] = l
		keys = l.unasked(keys, t.submission.record.Record)
	}
	releases, err := b.tx.Releases(keys)
	for _, r := range releases {
		l := byKey[r.Log]
		l.releases = append(l.releases, r)
	}
	return err
}

func (b *batch) do(t *task) error {
	l := b.logs[t.logID]
	if t.submission != nil {
		return l.submit(t.submission)
	}
	return t.run(l)
}

// write writes what has become of the logs.
func (b *batch) write() error {
	for _, l := range b.logs {
		if !l.changed {
			continue
		}
		if l.advanced {
			var err error
			if l.row.State, err = l.accepted.MarshalState(); err != nil {
				return err
			}
		}
		b.changes.Logs = append(b.changes.Logs, l.row)
	}
	return b.tx.Apply(&b.changes)
}
