package admission

import (
	"fmt"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// A delegate has taken all places beside a log: its owner's release gets one, and
// the delegate's own does not.
func TestOwnerHasRoomBesideDelegate(t *testing.T) {
	a := newAdmission(t)
	a.options.Waiting.LogRecords = 4
	owner := newChain(t, "example:one")
	other := newChain(t, "example:one")
	commit(t, a, owner.submit(owner.init(), protocol.PackageEntry{
		Type: protocol.EntryGrantFlat, Key: other.key.Public(), Permissions: []protocol.PackagePermission{protocol.PermissionRelease}}))
	head := owner.head
	var taken []*task
	for i := range 5 {
		other.head, other.time = head, owner.time.Add(time.Duration(i)*time.Second)
		taken = append(taken, other.submit(releaseOf(fmt.Sprintf("0.%d.0", i), fmt.Sprint(i))))
	}
	commit(t, a, taken...)
	if full := taken[4].submission.refusal; full == nil {
		t.Error("the delegate got more places than there are")
	}
	release := owner.submit(releaseOf("1.0.0", "x"))
	commit(t, a, release)
	if release.submission.refusal != nil {
		t.Fatalf("the owner's release: %v", release.submission.refusal)
	}
	a.expect(t, "the owner's release", release.submission, registry.Sourcing, "")
	a.expect(t, "the newest of the delegate", taken[3].submission, registry.Rejected, "too many records of this package wait")
	a.expect(t, "another one of the delegate", taken[2].submission, registry.Sourcing, "")
}

// Strangers have taken all places of a name that nobody has: those of which nothing
// has come for a while make room.
func TestStrangersMakeRoom(t *testing.T) {
	a := newAdmission(t)
	a.options.Waiting.LogRecords = 3
	now := time.Now()
	a.options.Now = func() time.Time { return now }
	first := func() *task {
		c := newChain(t, "example:one")
		return c.submit(c.init(), releaseOf("1.0.0", "x"))
	}
	strangers := []*task{first(), first(), first()}
	commit(t, a, strangers...)
	early := first()
	commit(t, a, early)
	if early.submission.refusal == nil {
		t.Error("there was room for another one at once")
	}
	now = now.Add(restingAfter)
	late := first()
	commit(t, a, late)
	a.expect(t, "the late one", late.submission, registry.Sourcing, "")
	a.expect(t, "the stranger of which nothing came", strangers[0].submission, registry.Rejected, "too many records")
}

// What is beside one log has no more entries than may have to be validated for one
// record.
func TestWaitingEntriesAreBounded(t *testing.T) {
	a := newAdmission(t)
	c := newChain(t, "example:one")
	commit(t, a, c.submit(c.init()))
	refused := 0
	for i := range 2 * maxLogEntries / 900 {
		entries := make([]protocol.PackageEntry, 900)
		for n := range entries {
			entries[n] = releaseOf(fmt.Sprintf("%d.%d.0", i, n), "same")
		}
		next := *c
		s := next.submit(entries...).submission
		if err := a.submit(t.Context(), c.name.LogID(), s); err != nil {
			refused++
			continue
		}
		*c = next
	}
	if want := 2*maxLogEntries/900 - maxLogEntries/900; refused != want {
		t.Errorf("%d records were refused, want %d", refused, want)
	}
}
