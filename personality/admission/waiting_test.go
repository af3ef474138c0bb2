package admission_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// expectRejected waits for a rejection with some words in its reason.
func expectRejected(t *testing.T, a *registrytest.Author, record protocol.Hash, words ...string) {
	t.Helper()
	got := a.Wait(record)
	for _, w := range words {
		if got.State != registry.Rejected || !strings.Contains(got.Reason, w) {
			t.Errorf("record %s: %+v, want it rejected with %q", record, got, w)
		}
	}
}

func expectPublished(t *testing.T, a *registrytest.Author, records ...protocol.Hash) {
	t.Helper()
	for _, id := range records {
		if got := a.Wait(id); got.State != registry.Published {
			t.Errorf("record %s: %+v, want it published", id, got)
		}
	}
}

func revoke(key protocol.PrivateKey) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryRevokeFlat, KeyID: key.Public().ID(), Permissions: []protocol.PackagePermission{protocol.PermissionRelease}}
}

// A key with permission to release posts a release and does not upload it: its
// owner's revocation enters the log all the same, and ends the release.
func TestRevocationBesideWaitingRelease(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	owner := s.Author("example:one")
	thief := registrytest.NewKey(t)
	owner.Post(registrytest.Init(owner.Key), protocol.PackageEntry{
		Type: protocol.EntryGrantFlat, Key: thief.Public(), Permissions: []protocol.PackagePermission{protocol.PermissionRelease}})
	beside := *owner
	stolen, err := beside.Try(beside.Sign(thief, registrytest.Release("9.0.0", "never comes")))
	s.Must(err)
	behind, err := beside.Try(beside.Sign(thief, registrytest.Release("9.0.1", "neither")))
	s.Must(err)
	if stolen.State != registry.Sourcing || behind.State != registry.Sourcing {
		t.Fatalf("the releases: %+v, %+v", stolen, behind)
	}
	revoked := owner.Post(revoke(thief))
	expectPublished(t, owner, revoked.RecordID)
	expectRejected(t, owner, stolen.RecordID, "superseded by record `"+revoked.RecordID.String()+"`")
	expectRejected(t, owner, behind.RecordID, "superseded by record `"+revoked.RecordID.String()+"`", stolen.RecordID.String())
	registrytest.Refused(t, owner, owner.Sign(thief, registrytest.Release("9.1.0", "x")), &registry.RejectionError{}, "did not have required permission release")
	s.CheckPublished()
}

// Each run of a client whose upload fails signs another record: all of them wait,
// and the first whose content comes wins.
func TestFirstCompleteWins(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	a := s.Author("example:one")
	a.Post(registrytest.Init(a.Key))
	var tries []registry.RecordStatus
	for i := range 3 {
		run := *a
		run.Time = run.Time.Add(time.Duration(i) * time.Second)
		status, err := run.Try(run.Sign(a.Key, registrytest.Release("1.0.0", fmt.Sprint("content ", i))))
		s.Must(err)
		tries = append(tries, status)
		if i == 0 {
			next, err := run.Try(run.Sign(a.Key, registrytest.Yank("1.0.0")))
			s.Must(err)
			if next.State != registry.Processing {
				t.Errorf("a record without content behind one that waits: %+v", next)
			}
			tries = append(tries, next)
		}
	}
	s.Must(a.Upload(tries[3].RecordID, "content 2"))
	expectPublished(t, a, tries[3].RecordID)
	for _, lost := range tries[:3] {
		expectRejected(t, a, lost.RecordID, "superseded by record `"+tries[3].RecordID.String()+"`")
	}
	if err := a.Upload(tries[0].RecordID, "content 0"); !errors.Is(err, registry.ErrRecordNotSourcing) {
		t.Errorf("content of a record that is rejected: %v", err)
	}
	s.CheckPublished()
}

// A package may have several first records that wait; a complete one wins at
// once.
func TestFirstRecordsWait(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	slow, quick := s.Author("example:one"), s.Author("example:one")
	waits := slow.Post(registrytest.Init(slow.Key), registrytest.Release("1.0.0", "x"))
	wins := quick.Post(registrytest.Init(quick.Key))
	expectPublished(t, quick, wins.RecordID)
	expectRejected(t, slow, waits.RecordID, "superseded")
	s.CheckPublished()
}

// A chain of records is posted without waiting for anything, and its contents
// come last first.
func TestWaitingChain(t *testing.T) {
	const length = 30
	s := registrytest.New(t)
	a := s.Author("example:one")
	chain := []registry.RecordStatus{a.Post(registrytest.Init(a.Key), registrytest.Release("0.0.0", "0"))}
	guest := registrytest.NewKey(t)
	chain = append(chain, a.Post(registrytest.Grant(guest)))
	for i := 2; i < length; i++ {
		chain = append(chain, a.Post(registrytest.Release(fmt.Sprintf("0.%d.0", i), fmt.Sprint(i))))
	}
	// The key that a waiting record grants signs behind it, and validation sees
	// what waits.
	registrytest.Refused(t, a, a.Sign(guest, registrytest.Release("1.0.0", "x")), &registry.RejectionError{}, "did not have required permission release")
	registrytest.Refused(t, a, a.Sign(a.Key, registrytest.Release("0.7.0", "x")), &registry.RejectionError{}, "already released")
	last, err := a.Try(a.Sign(guest, registrytest.Yank("0.5.0")))
	s.Must(err)
	chain = append(chain, last)
	s.Reopen() // what waits is in the store
	s.Start()
	for i := length - 1; i >= 2; i-- {
		s.Must(a.Upload(chain[i].RecordID, fmt.Sprint(i)))
	}
	if got := a.Status(chain[length-1].RecordID).State; got != registry.Processing {
		t.Errorf("a complete record behind one that waits: %v", got)
	}
	s.Must(a.Upload(chain[0].RecordID, "0"))
	for _, status := range chain {
		expectPublished(t, a, status.RecordID)
	}
	s.CheckPublished()
}

// What waits without end is ended, however much it is, but not while its content
// is coming.
func TestManyEnd(t *testing.T) {
	const many = 600
	s := registrytest.New(t)
	var ahead atomic.Int64
	s.Options.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	s.Renew()
	authors := make([]*registrytest.Author, many)
	records := make([]registry.RecordStatus, many)
	for i := range authors {
		authors[i] = s.Author(fmt.Sprintf("example:p%d", i))
		records[i] = authors[i].Post(registrytest.Init(authors[i].Key), registrytest.Release("1.0.0", fmt.Sprint(i)))
	}
	// The first one's content is on its way when the time is over.
	body, client := io.Pipe()
	uploaded := make(chan error, 1)
	go func() {
		uploaded <- s.UploadContent(context.Background(), authors[0].Name.LogID(), records[0].RecordID, protocol.HashOf([]byte("0")), body)
	}()
	ahead.Store(int64(2 * time.Hour))
	_, err := client.Write([]byte("0")) // read, and noted, before Write returns but for the last read
	s.Must(err)
	s.Start()
	for i := 1; i < many; i++ {
		expectRejected(t, authors[i], records[i].RecordID, "was not uploaded within 1h")
	}
	s.Must(client.Close())
	s.Must(<-uploaded)
	expectPublished(t, authors[0], records[0].RecordID)
	s.CheckPublished()
}

// Limits of what waits: beside one log, signed by one key, in all. When something
// of it ends there is room again.
func TestWaitingLimits(t *testing.T) {
	var full *registry.WaitingError
	for name, test := range map[string]struct {
		limits  admission.WaitingLimits
		sameLog bool
		refused func(error) bool
	}{
		"records of a log":  {admission.WaitingLimits{LogRecords: 3}, true, func(err error) bool { return errors.As(err, &full) && !full.All }},
		"bytes of a log":    {admission.WaitingLimits{LogBytes: 1500}, true, func(err error) bool { return errors.As(err, &full) }},
		"records of a key":  {admission.WaitingLimits{SignerRecords: 3}, false, func(err error) bool { return errors.As(err, &full) }},
		"bytes of a key":    {admission.WaitingLimits{SignerBytes: 1500}, false, func(err error) bool { return errors.As(err, &full) }},
		"records in all":    {admission.WaitingLimits{Records: 3}, false, func(err error) bool { return errors.As(err, &full) && full.All }},
		"envelopes in all":  {admission.WaitingLimits{Bytes: 1500}, false, func(err error) bool { return errors.As(err, &full) && full.All }},
		"another log's own": {admission.WaitingLimits{LogRecords: 1}, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := registrytest.New(t)
			s.Options.Admission.Waiting = test.limits
			s.Renew()
			key := registrytest.NewKey(t)
			post := func(i int) (*registrytest.Author, registry.RecordStatus, error) {
				a := s.Author("example:one")
				if !test.sameLog {
					a = s.Author(fmt.Sprintf("example:p%d", i))
				}
				a.Key = key
				a.Time = a.Time.Add(time.Duration(i) * time.Millisecond)
				status, err := a.Try(a.Sign(key, registrytest.Init(key), registrytest.Release("1.0.0", fmt.Sprint(i))))
				return a, status, err
			}
			first, status, err := post(0)
			s.Must(err)
			refused := 0
			for i := 1; i < 8; i++ {
				if _, _, err := post(i); err != nil {
					refused++
					if test.refused == nil || !test.refused(err) {
						t.Fatalf("record %d: %v", i, err)
					}
				}
			}
			if (test.refused != nil) != (refused >= 4) {
				t.Fatalf("%d of 8 were refused", refused)
			}
			if test.refused == nil {
				return
			}
			s.Start()
			s.Must(first.Upload(status.RecordID, "0"))
			expectPublished(t, first, status.RecordID)
			if test.sameLog {
				return // that is another package now
			}
			s.Eventually("there is room again", func() bool { _, _, err := post(99); return err == nil })
		})
	}
}

// One client has as much waiting as may wait in all: another one takes places of
// it, and not more than it has itself. Nothing is counted but when the test says so.
func TestRoomIsShared(t *testing.T) {
	const most = 20
	s := registrytest.New(t)
	client := "the greedy one"
	s.Options.Admission.Waiting = admission.WaitingLimits{Records: most}
	s.Options.Admission.ClientOf = func(context.Context) string { return client }
	s.Renew()
	posted := 0
	post := func() (*registrytest.Author, registry.RecordStatus, error) {
		posted++
		a := s.Author(fmt.Sprintf("example:p%d", posted))
		status, err := a.Try(a.Sign(a.Key, registrytest.Init(a.Key), registrytest.Release("1.0.0", fmt.Sprint(posted))))
		return a, status, err
	}
	refused := func(what string) {
		t.Helper()
		var full *registry.WaitingError
		if _, _, err := post(); !errors.As(err, &full) || !full.All {
			t.Fatalf("%s: %v", what, err)
		}
	}
	var last *registrytest.Author
	var lastStatus registry.RecordStatus
	for range most {
		var err error
		last, lastStatus, err = post()
		s.Must(err)
	}
	refused("one more of the same client")
	s.Must(s.Count(t.Context()))
	refused("one more of the same client, counted")

	client = "the modest one"
	modest, status, err := post()
	s.Must(err)
	content := fmt.Sprint(posted)
	for range most/2 - 1 {
		_, _, err := post()
		s.Must(err)
	}
	refused("more than the other one has")
	s.Must(s.Count(t.Context()))
	refused("more than the other one has, counted")
	s.Start()
	expectRejected(t, last, lastStatus.RecordID, "too many records of its author wait")
	s.Must(modest.Upload(status.RecordID, content))
	expectPublished(t, modest, status.RecordID)
}

// Somebody's first record says nothing of its package's name: nobody else may post
// it under another one.
func TestFirstRecordOfAnotherPackage(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	a := s.Author("example:one")
	envelope := a.Sign(a.Key, registrytest.Init(a.Key))
	status, err := a.Try(envelope)
	s.Must(err)
	clone := s.Author("example:two")
	registrytest.Refused(t, clone, envelope, &registry.RejectionError{}, "is the first one of another package")
	expectPublished(t, a, status.RecordID)
	registrytest.Refused(t, clone, envelope, &registry.RejectionError{}, "is the first one of another package")
	// At the same time: one of the two is refused.
	b, c := s.Author("example:three"), s.Author("example:four")
	envelope = b.Sign(b.Key, registrytest.Init(b.Key))
	var errs [2]error
	var both sync.WaitGroup
	for i, author := range []*registrytest.Author{b, c} {
		both.Go(func() { _, errs[i] = author.Try(envelope) })
	}
	both.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Errorf("one record under two names at once: %v, %v", errs[0], errs[1])
	}
	s.CheckPublished()
}

func TestDatesAhead(t *testing.T) {
	s := registrytest.New(t)
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	s.Options.Now = func() time.Time { return now }
	s.Options.Admission.MaxClockSkew = 10 * time.Minute
	s.Renew()
	a := s.Author("example:one")
	a.Time = now.Add(9 * time.Minute)
	a.Post(registrytest.Init(a.Key))
	a.Time = now.Add(24 * time.Hour)
	registrytest.Refused(t, a, a.Sign(a.Key, registrytest.Grant(registrytest.NewKey(t))), &registry.RejectionError{}, "2026-03-05T05:06:07Z")
	registrytest.Refused(t, a, a.Sign(a.Key, registrytest.Release("1.0.0", "waits")), &registry.RejectionError{}, "2026-03-04T05:06:07Z")
	a.Time = now.Add(10 * time.Minute).Add(-2 * time.Millisecond)
	if got := a.Post(registrytest.Grant(registrytest.NewKey(t))); got.State != registry.Processing {
		t.Errorf("a record dated ten minutes ahead: %+v", got)
	}
}
