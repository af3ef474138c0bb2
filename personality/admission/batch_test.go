package admission

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// nothing is a content store with nothing in it.
type nothing struct{ Contents }

func (nothing) Has(context.Context, protocol.Hash) (bool, error)  { return false, nil }
func (nothing) Hold(context.Context, protocol.Hash) (bool, error) { return false, nil }

func newAdmission(t *testing.T) *Admission {
	t.Helper()
	db, err := store.OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return New(Options{Store: db, Contents: nothing{}, Now: time.Now, Logger: slog.New(slog.DiscardHandler), UploadTimeout: time.Hour})
}

// chain signs the records of a package one after the other.
type chain struct {
	t    *testing.T
	name protocol.PackageName
	key  protocol.PrivateKey
	head protocol.AnyHash
	time time.Time
}

func newChain(t *testing.T, name string) *chain {
	t.Helper()
	parsed, err := protocol.ParsePackageName(name)
	if err != nil {
		t.Fatal(err)
	}
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return &chain{t: t, name: parsed, key: key, time: time.Now()}
}

// submit signs a record behind the head, which it becomes, and returns the task of
// posting it.
func (c *chain) submit(entries ...protocol.PackageEntry) *task {
	c.t.Helper()
	c.time = c.time.Add(time.Millisecond)
	record := protocol.PackageRecord{Prev: c.head, Time: protocol.TimeOf(c.time), Entries: entries}
	envelope := record.Sign(c.key)
	signed, err := protocol.ParsePackageEnvelope(envelope)
	if err != nil {
		c.t.Fatal(err)
	}
	c.head = signed.ID.Any()
	s := &submission{name: c.name, record: signed, envelope: envelope.MarshalProto()}
	for _, text := range signed.Record.Contents() {
		digest, err := text.Hash()
		if err != nil {
			c.t.Fatal(err)
		}
		s.contents = append(s.contents, digest)
	}
	return &task{ctx: context.Background(), logID: c.name.LogID(), submission: s}
}

func (c *chain) init() protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryInit, Key: c.key.Public()}
}

func (c *chain) grant() protocol.PackageEntry {
	other := newChain(c.t, "any:name")
	return protocol.PackageEntry{Type: protocol.EntryGrantFlat, Key: other.key.Public(), Permissions: []protocol.PackagePermission{protocol.PermissionYank}}
}

func releaseOf(version, text string) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryRelease, Version: version, Content: protocol.HashOf([]byte(text)).Any()}
}

// arrive is the task of noting that a content has come.
func (a *Admission) arrive(t *testing.T, s *submission, text string) *task {
	t.Helper()
	key := a.keyOf(t, s)
	return &task{ctx: context.Background(), logID: s.name.LogID(), run: func(l *openLog) error {
		return l.contentArrived(key, protocol.HashOf([]byte(text)))
	}}
}

// keyOf returns the key of a record in the database.
func (a *Admission) keyOf(t *testing.T, s *submission) int64 {
	t.Helper()
	var key int64
	err := a.options.Store.View(context.Background(), func(tx *store.Tx) error {
		record, err := registry.FindRecord(tx, s.name.LogID(), s.record.ID)
		key = record.ID
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func commit(t *testing.T, a *Admission, tasks ...*task) {
	t.Helper()
	if err := a.commit(tasks); err != nil {
		t.Fatal(err)
	}
}

func (a *Admission) expect(t *testing.T, what string, s *submission, state registry.State, reason string) {
	t.Helper()
	err := a.options.Store.View(context.Background(), func(tx *store.Tx) error {
		record, err := registry.FindRecord(tx, s.name.LogID(), s.record.ID)
		if err != nil {
			return err
		}
		got, err := registry.StatusOf(tx, record)
		if err == nil && (got.State != state || !strings.Contains(got.Reason, reason)) {
			t.Errorf("%s: %+v, want state %v with %q", what, got, state, reason)
		}
		return err
	})
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// What is posted in one batch sees what stands before it in the batch.
func TestBatchSeesItself(t *testing.T) {
	a := newAdmission(t)
	c := newChain(t, "example:one")
	first := c.submit(c.init())
	again := &task{ctx: first.ctx, logID: first.logID, submission: &submission{name: c.name, record: first.submission.record, envelope: first.submission.envelope}}
	second := c.submit(c.grant())
	beside := *c
	lost := beside.submit(releaseOf("1.0.0", "a"))
	behindLost := beside.submit(releaseOf("2.0.0", "b"))
	third := c.submit(c.grant())
	clone := newChain(t, "example:two")
	cloned := &task{ctx: first.ctx, logID: clone.name.LogID(), submission: &submission{name: clone.name, record: first.submission.record, envelope: first.submission.envelope}}
	commit(t, a, first, again, second, lost, behindLost, third, cloned)

	a.expect(t, "first", first.submission, registry.Processing, "")
	a.expect(t, "second", second.submission, registry.Processing, "")
	a.expect(t, "third", third.submission, registry.Processing, "")
	a.expect(t, "beside the third", lost.submission, registry.Rejected, "superseded by record `"+third.submission.record.ID.String())
	a.expect(t, "behind that", behindLost.submission, registry.Rejected, lost.submission.record.ID.String())
	if again.submission.refusal != nil || again.submission.status.State != registry.Processing {
		t.Errorf("the first posted again: %+v, %v", again.submission.status, again.submission.refusal)
	}
	if cloned.submission.refusal == nil || !strings.Contains(cloned.submission.refusal.Error(), "another package") {
		t.Errorf("the first under another name: %v", cloned.submission.refusal)
	}
	if got := a.totals.queue.Load(); got != 3 {
		t.Errorf("%d records are counted as queued, want 3", got)
	}
}

// A content comes in the batch in which a record is posted behind the one that
// waits for it.
func TestContentComesInTheSameBatch(t *testing.T) {
	a := newAdmission(t)
	c := newChain(t, "example:one")
	waits := c.submit(c.init(), releaseOf("1.0.0", "a"))
	commit(t, a, waits)
	a.expect(t, "waiting", waits.submission, registry.Sourcing, "")
	behind := c.submit(c.grant())
	twice := a.arrive(t, waits.submission, "a")
	commit(t, a, behind, twice, a.arrive(t, waits.submission, "a"))
	a.expect(t, "complete", waits.submission, registry.Processing, "")
	a.expect(t, "behind it", behind.submission, registry.Processing, "")
	err := a.options.Store.View(context.Background(), func(tx *store.Tx) error {
		log, err := tx.Log(c.name.LogID())
		if log.Length != 2 || log.Waiting != 0 {
			t.Errorf("the log has %d records and %d that wait, want 2 and 0", log.Length, log.Waiting)
		}
		ready, err2 := tx.Ready(10)
		if len(ready) != 1 {
			t.Errorf("%d records are ready, want the first", len(ready))
		}
		if err == nil {
			err = err2
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Of a caller that is gone nothing is done; the others of its batch are.
func TestCallerIsGone(t *testing.T) {
	a := newAdmission(t)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	one, two := newChain(t, "example:one"), newChain(t, "example:two")
	left, stays := one.submit(one.init()), two.submit(two.init())
	left.ctx = gone
	commit(t, a, left, stays)
	if left.err == nil || stays.err != nil {
		t.Errorf("the one that left: %v; the other: %v", left.err, stays.err)
	}
	a.expect(t, "the other", stays.submission, registry.Processing, "")
}

// A record behind a long chain of waiting records is checked before the commit, one
// behind a short one in it.
func TestLongChainIsCheckedBeforeCommit(t *testing.T) {
	a := newAdmission(t)
	c := newChain(t, "example:one")
	tasks := []*task{c.submit(c.init(), releaseOf("0.0.0", "0"))}
	for bytes := len(tasks[0].submission.envelope); bytes <= maxChainInCommit; {
		next := c.submit(releaseOf(fmt.Sprintf("0.0.%d", len(tasks)), fmt.Sprint(len(tasks))))
		bytes += len(next.submission.envelope)
		tasks = append(tasks, next)
	}
	commit(t, a, tasks...)
	last := tasks[len(tasks)-1].submission
	if last.unchecked || last.refusal != nil {
		t.Fatalf("the last of a chain of %d bytes: unchecked %v, refusal %v", maxChainInCommit, last.unchecked, last.refusal)
	}
	good, beside := *c, *c
	bad := beside.submit(releaseOf("0.0.1", "again")).submission
	more := good.submit(releaseOf("1.0.0", "more")).submission
	commit(t, a, &task{ctx: context.Background(), logID: c.name.LogID(), submission: more})
	if !more.unchecked {
		t.Fatal("a record behind a longer chain was checked in the commit")
	}
	if err := a.submit(context.Background(), c.name.LogID(), bad); err == nil || !strings.Contains(err.Error(), "already released") {
		t.Errorf("a record that releases what its chain has released: %v", err)
	}
	if err := a.submit(context.Background(), c.name.LogID(), more); err != nil {
		t.Errorf("a valid one: %v", err)
	}
	a.expect(t, "the valid one", more, registry.Sourcing, "")
}

// What costs much is done one at a time; of each client one waits, and not many
// clients do.
func TestHeavyTurns(t *testing.T) {
	turns := newHeavyTurns()
	leave, err := turns.enter(context.Background(), "first")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var waiters sync.WaitGroup
	for i := range maxHeavyWaiters - 1 {
		client := fmt.Sprint("client ", i)
		if i < heavyOfClient-1 {
			client = "first"
		}
		waiters.Go(func() {
			if _, err := turns.enter(ctx, client); !errors.Is(err, context.Canceled) {
				t.Errorf("a waiter that gives up: %v", err)
			}
		})
	}
	for full := false; !full; {
		turns.mu.Lock()
		full = turns.all == maxHeavyWaiters
		turns.mu.Unlock()
	}
	for _, client := range []string{"one more", "first"} {
		if _, err := turns.enter(context.Background(), client); !errors.Is(err, registry.ErrOverloaded) {
			t.Errorf("%s than may wait: %v", client, err)
		}
	}
	cancel()
	waiters.Wait()
	leave()
	if leave, err = turns.enter(context.Background(), "first"); err != nil {
		t.Errorf("when all are gone: %v", err)
	}
	leave()
}
