package audit

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// laterLies are told of what was found right before.
var laterLies = []struct {
	what string
	name Name
	lie  func(w *world)
}{
	{"content", ContentAltered, func(w *world) {
		for digest := range w.contents {
			w.contents[digest] = []byte("altered")
			return
		}
	}},
	{"an old release", ReleaseDropped, func(w *world) {
		w.tamper = tampered(api.FetchLogsPath, func(status int, answer []byte) (int, []byte) {
			var r api.FetchLogsResponse
			must(w.t, r.UnmarshalJSON(answer))
			for i, p := range r.Packages {
				if len(p.Value) > 0 && p.Value[0].RegistryIndex == 1 {
					r.Packages[i].Value = p.Value[1:]
				}
			}
			return status, r.AppendJSON(nil)
		})
	}},
	{"envelopes", EnvelopeNotLeaf, func(w *world) { w.records[1].named.Envelope = w.records[2].named.Envelope }},
	{"entries of the checkpoints log", TileDiffers, func(w *world) {
		w.tamper = tampered(tlog.Checkpoints.Path()+"/"+tlog.File{Kind: tlog.Entries, Width: int(w.size(tlog.Checkpoints))}.Path(), flip)
	}},
}

func found(r *Report, name Name) bool {
	for _, f := range r.Findings {
		if f.Name == name {
			return true
		}
	}
	return false
}

// Lies of what was right before are found within a turn, with little work in each round.
func TestLaterLies(t *testing.T) {
	const hours = 24
	for _, test := range laterLies {
		t.Run(test.what, func(t *testing.T) {
			w := newWorld(t)
			w.some(8)
			store := new(MemoryStore)
			w.clean(store)
			for range hours + 2 { // an honest turn
				w.now = w.now.Add(time.Hour)
				w.checkpointOf(w.heads, false)
				w.clean(store)
			}
			test.lie(w)
			seen := false
			for range hours + 1 {
				w.now = w.now.Add(time.Hour)
				w.checkpointOf(w.heads, false)
				report, err := w.audit(store)
				must(t, err)
				for _, f := range report.Findings {
					checkEvidence(t, f)
				}
				if seen = found(report, test.name); seen {
					break
				}
			}
			if !seen {
				t.Fatal("not found in a day")
			}
			report, err := w.audit(store)
			must(t, err)
			if !found(report, test.name) {
				t.Error("it lasts, and is not found in the next round")
			}
		})
		t.Run(test.what+", asked for", func(t *testing.T) {
			w := newWorld(t)
			w.some(8)
			store := new(MemoryStore)
			w.clean(store)
			test.lie(w)
			o := w.options()
			o.Again = true
			report, err := w.auditWith(store, o)
			must(t, err)
			if !found(report, test.name) {
				t.Errorf("found: %v", report.Findings)
			}
		})
	}
}

// In a round only the part is looked at again that is due.
func TestWorkOfARound(t *testing.T) {
	w := newWorld(t)
	for i := range 100 {
		w.release("example:p"+letters(i), "1.0.0")
	}
	w.checkpoint()
	var mu sync.Mutex
	asked := map[string]int{} // under mu
	w.tamper = func(path string, _ []byte, status int, answer []byte) (int, []byte) {
		if strings.HasPrefix(path, "content/") {
			mu.Lock()
			defer mu.Unlock()
			asked[path]++
		}
		return status, answer
	}
	store := new(MemoryStore)
	w.clean(store)
	clear(asked)
	for range 24 {
		w.now = w.now.Add(time.Hour)
		before := len(asked)
		w.checkpointOf(w.heads, false)
		w.clean(store)
		if n := len(asked) - before; n > 20 {
			t.Errorf("%d contents in one round", n)
		}
	}
	for path, n := range asked {
		if n != 1 {
			t.Errorf("%s asked for %d times", path, n)
		}
	}
	if len(asked) < 99 {
		t.Errorf("%d contents in a turn", len(asked))
	}
}

func TestTurn(t *testing.T) {
	now := time.Unix(1000, 0)
	const day = 24 * time.Hour
	if parts, next := (turn{}).due(now, day, false); len(parts) > 0 || next != (turn{At: 1000}) {
		t.Errorf("the first round: %v, %v", parts, next)
	}
	at := turn{At: 1000, Place: fullTurn / 4 * 3}
	parts, next := at.due(now.Add(12*time.Hour), day, false)
	if len(parts) != 2 || parts[0] != (part{fullTurn / 4 * 3, fullTurn}) || parts[1] != (part{0, fullTurn / 4}) || next.Place != fullTurn/4 {
		t.Errorf("over the end: %v, %v", parts, next)
	}
	if parts, _ := at.due(now.Add(48*time.Hour), day, false); len(parts) != 1 || parts[0] != (part{0, fullTurn}) {
		t.Errorf("after a rest: %v", parts)
	}
	if parts, _ := at.due(now.Add(-time.Hour), day, false); len(parts) > 0 {
		t.Errorf("a clock that went back: %v", parts)
	}
	if parts, _ := at.due(now.Add(48*time.Hour), -1, false); len(parts) > 0 {
		t.Errorf("never: %v", parts)
	}
	var all uint64
	for place := uint64(0); place < fullTurn; place += fullTurn / 8 {
		from, to := bundlesOf(part{place, place + fullTurn/8}, 5000)
		if from != all {
			t.Errorf("from %d, after %d", from, all)
		}
		all = to
	}
	if all != 5000 {
		t.Errorf("up to %d", all)
	}
}

// An API that was there and is not any more was not audited; what else there is was.
func TestAPIGoesAway(t *testing.T) {
	w := newWorld(t)
	w.some(3)
	store := new(MemoryStore)
	w.clean(store)
	w.some(1)
	for digest := range w.contents {
		w.contents[digest] = []byte("altered")
	}
	w.operate(newKey(t))
	w.checkpoint()
	w.tamper = func(path string, _ []byte, status int, answer []byte) (int, []byte) {
		if strings.HasPrefix(path, "v1/") {
			return 404, nil
		}
		return status, answer
	}
	report, err := w.audit(store)
	if !errors.Is(err, ErrNoAnswer) || !strings.Contains(err.Error(), "there was a v1 API before") {
		t.Errorf("error: %v", err)
	}
	if !found(report, OperatorStranger) || report.Records != uint64(len(w.records)) {
		t.Errorf("%d records, found: %v", report.Records, report.Findings)
	}
	if report, err := w.audit(new(MemoryStore)); err != nil || !found(report, OperatorStranger) {
		t.Errorf("a state that never saw one: %v, %v", err, report.Findings)
	}
}

// Without static files, too, answers are compared again.
func TestAgainWithoutTiles(t *testing.T) {
	w := newWorld(t)
	w.some(8)
	w.noTiles = true
	o := w.options()
	o.VKeys, o.Policy, o.Again = nil, nil, true
	store := new(MemoryStore)
	for range 3 {
		report, err := w.auditWith(store, o)
		must(t, err)
		if !report.Clean() {
			t.Fatalf("found in an honest registry: %v", report.Findings)
		}
		w.some(2)
	}
	for _, test := range laterLies[:2] {
		w.tamper = nil
		test.lie(w)
		report, err := w.auditWith(store, o)
		if err == nil && !found(report, test.name) {
			t.Errorf("%s: found: %v", test.what, report.Findings)
		}
		t.Logf("%s: %v, %v", test.what, err, report.Findings)
	}
}

// A part of the API that does not answer hides nothing else.
func TestPartsThatFail(t *testing.T) {
	for _, path := range []string{api.FetchLogsPath, api.FetchPackageNamesPath, api.ProveInclusionPath} {
		w := newWorld(t)
		w.some(3)
		for digest := range w.contents {
			w.contents[digest] = []byte("altered")
		}
		w.tamper = tampered(path, func(int, []byte) (int, []byte) { return 503, nil })
		o := w.options()
		w.now = w.now.Add(25 * time.Hour)
		report, err := w.auditWith(new(MemoryStore), o)
		if !errors.Is(err, ErrNoAnswer) {
			t.Errorf("%s: error: %v", path, err)
		}
		if !found(report, ContentAltered) || !found(report, CheckpointStale) {
			t.Errorf("%s: found: %v", path, report.Findings)
		}
	}
}
