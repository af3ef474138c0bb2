package publisher

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/store"
)

// A leader that lives keeps leading; one that is silent is succeeded when the
// others have waited for long enough, and steps back when it sees that.
func TestElection(t *testing.T) {
	ctx := context.Background()
	db, err := store.OpenSQLite(ctx, filepath.Join(t.TempDir(), "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	now := time.Now()
	clock := func() time.Time { return now }
	one, two := newElection(db, clock), newElection(db, clock)
	expect := func(when string, e *election, want bool) {
		t.Helper()
		got, err := e.campaign(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s: leads %v, want %v", when, got, want)
		}
	}
	expect("nobody leads", one, true)
	for range 20 {
		expect("another leads and lives", two, false)
		now = now.Add(campaignEach)
		expect("it leads", one, true)
	}
	expect("the last sign of life", two, false)
	now = now.Add(leaderTimeout - time.Millisecond)
	expect("not silent for long enough", two, false)
	now = now.Add(time.Millisecond)
	expect("silent, but looked at just now", two, false)
	now = now.Add(campaignEach)
	expect("silent for long enough", two, true)
	expect("succeeded", one, false)
	now = now.Add(leaderTimeout)
	expect("lives on", two, true)
	expect("seen to live on", one, false)
	now = now.Add(campaignEach)
	if err := two.stepDown(ctx); err != nil {
		t.Fatal(err)
	}
	expect("the other has stepped down", one, true)
	expect("stepped down", two, false)
}
