package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// lieTest is a lie of a registry that was audited before it.
type lieTest struct {
	what string
	name Name
	rule protocol.Rule
	lie  func(w *world, o *Options)
	// signed tells that the evidence has the registry's signature under the lie.
	signed bool
	// fresh tells that the auditor begins anew, and knows nothing of what was before.
	fresh bool
	// beside are findings that come with it.
	beside []Name
}

func TestLies(t *testing.T) {
	for _, test := range slices.Concat(recordLies, headLies, fileLies, apiLies, noteLies, listLies) {
		t.Run(string(test.name)+"/"+test.what, func(t *testing.T) { test.run(t, false) })
	}
}

// The same records are found invalid where there are no static files.
func TestLiesWithoutTiles(t *testing.T) {
	for _, test := range slices.Concat(recordLies, bareLies) {
		t.Run(string(test.name)+"/"+test.what, func(t *testing.T) { test.run(t, true) })
	}
}

func (test lieTest) run(t *testing.T, noTiles bool) {
	w := newWorld(t)
	w.some(6)
	w.withhold(3)
	o := w.options()
	if w.noTiles = noTiles; noTiles {
		o.VKeys, o.Policy = nil, nil
	}
	store := new(MemoryStore)
	honest, err := w.auditWith(store, o)
	must(t, err)
	if !honest.Clean() {
		t.Fatalf("found in an honest registry: %v", honest.Findings)
	}
	if test.fresh {
		store = new(MemoryStore)
	}
	test.lie(w, &o)
	report, err := w.auditWith(store, o)
	must(t, err)
	var found *Finding
	for i, f := range report.Findings {
		switch {
		case f.Name == test.name && (found == nil || found.Signed != test.signed):
			found = &report.Findings[i]
		case f.Name != test.name && !slices.Contains(test.beside, f.Name):
			t.Errorf("also found: %s", f)
		}
		if f.Evidence == nil {
			t.Errorf("no evidence of %s", f)
		} else if _, err := Check(f.Evidence); err != nil {
			t.Errorf("evidence of %s: %v", f, err)
		}
	}
	if found == nil {
		t.Fatalf("not found; there are %v, unchecked %v", report.Findings, report.Unchecked)
	}
	if found.Rule != test.rule || found.Signed != test.signed {
		t.Errorf("rule %q, signed %v; want %q, %v", found.Rule, found.Signed, test.rule, test.signed)
	}
	checkEvidence(t, *found)
}

// checkEvidence demands that evidence proves its finding, and does not when a byte is
// changed, be it with a new digest or without.
func checkEvidence(t *testing.T, f Finding) {
	t.Helper()
	got, err := Check(f.Evidence)
	if err != nil {
		t.Fatalf("evidence: %v", err)
	}
	if got.String() != f.String() {
		t.Errorf("evidence of %s proves %s", f, got)
	}
	step := max(len(f.Evidence)/150, 1)
	for at := 0; at < len(f.Evidence); at += step {
		changed := bytes.Clone(f.Evidence)
		changed[at] ^= 1
		if _, err := Check(changed); err == nil {
			t.Errorf("evidence with byte %d changed is accepted", at)
		}
	}
	if _, err := Check(f.Evidence[:len(f.Evidence)-1]); err == nil {
		t.Error("evidence that is cut off is accepted")
	}
	// A forger has the digest, too: what he changes in the facts must not make another
	// finding of another registry's words.
	end := bytes.LastIndex(f.Evidence, []byte(digestMember))
	forged := bytes.Replace(f.Evidence[:end], []byte(`"claimed":"`), []byte(`"claimed":"x`), 1)
	digest := sha256.Sum256(forged)
	forged = append(forged, digestMember+hex.EncodeToString(digest[:])+"\"}\n"...)
	if _, err := Check(forged); err == nil {
		t.Error("evidence with another claim is accepted")
	}
}

// tampered changes answers for a path.
func tampered(path string, change func(status int, answer []byte) (int, []byte)) func(string, []byte, int, []byte) (int, []byte) {
	return func(asked string, _ []byte, status int, answer []byte) (int, []byte) {
		if asked == path {
			return change(status, answer)
		}
		return status, answer
	}
}

func flip(status int, answer []byte) (int, []byte) {
	answer[len(answer)/2] ^= 1
	return status, answer
}

func deny(int, []byte) (int, []byte) { return 404, []byte(`{"status":404,"message":"no"}`) }

// A log that two places show otherwise is found by comparing them.
func TestSplitView(t *testing.T) {
	for _, test := range []struct {
		what  string
		ahead int // checkpoints of the other place
	}{{"as long", 0}, {"shorter", -1}, {"longer", 2}} {
		t.Run(test.what, func(t *testing.T) {
			w := newWorld(t)
			w.some(6)
			other := *w
			other.noteSize, other.extra = map[tlog.Log]uint64{}, map[tlog.Log]string{}
			other.rewind()
			w.some(3)
			other.some(6 + test.ahead)
			store := new(MemoryStore)
			w.clean(store)
			a, err := New(w, store, w.options())
			must(t, err)
			same, err := a.Compare(context.Background(), w)
			must(t, err)
			if !same.Clean() {
				t.Errorf("the same place: %v", same.Findings)
			}
			report, err := a.Compare(context.Background(), &other)
			must(t, err)
			forks := 0
			for _, f := range report.Findings {
				if f.Name == LogForked {
					forks++
					checkEvidence(t, f)
				}
			}
			if forks < 2 { // of both logs
				t.Errorf("found: %v", report.Findings)
			}
		})
	}
}

// A checkpoint of another place that is further is judged in the round that gets there.
func TestOtherPlaceAhead(t *testing.T) {
	w := newWorld(t)
	w.some(3)
	store := new(MemoryStore)
	w.clean(store)
	a, err := New(w, store, w.options())
	must(t, err)
	other := *w
	w.some(1)
	lying := *w
	c := w.checkpoints[len(w.checkpoints)-1]
	c.MapRoot = protocol.HashOf()
	lying.sign(c, w.operator, false)
	lying.noteSize = map[tlog.Log]uint64{tlog.Records: other.size(tlog.Records), tlog.Checkpoints: other.size(tlog.Checkpoints)}
	report, err := a.Compare(context.Background(), &lying)
	must(t, err)
	if !report.Clean() {
		t.Errorf("found before it can be known: %v", report.Findings)
	}
	report, err = a.Round(context.Background())
	must(t, err)
	names := map[Name]bool{}
	for _, f := range report.Findings {
		names[f.Name] = true
		checkEvidence(t, f)
	}
	if !names[MapRootDiffers] || !names[CheckpointNotLogged] {
		t.Errorf("found: %v", report.Findings)
	}
	for range 3 { // what is known to be right is not kept
		_, err = a.Compare(context.Background(), w)
		must(t, err)
	}
	r, err := a.newRound(context.Background())
	must(t, err)
	if len(r.seen.Open) > 1 {
		t.Errorf("%d checkpoints are kept", len(r.seen.Open))
	}
}

// Of many findings of one name some are kept, and the others counted.
func TestManyFindings(t *testing.T) {
	w := newWorld(t)
	for i := range 25 {
		w.release("other:p"+letters(i), "1.0.0")
	}
	w.checkpoint()
	report, err := w.audit(new(MemoryStore))
	must(t, err)
	if len(report.Findings) != 10 || report.Suppressed[NamespaceUndefined] != 15 {
		t.Errorf("%d findings, suppressed %v", len(report.Findings), report.Suppressed)
	}
}

// What was audited by the API alone goes on by static files, once there are some.
func TestTilesComeLater(t *testing.T) {
	w := newWorld(t)
	w.some(6)
	w.noTiles = true
	o := w.options()
	o.VKeys, o.Policy = nil, nil
	store := new(MemoryStore)
	_, err := w.auditWith(store, o)
	must(t, err)
	w.some(2)
	w.noTiles = false
	lying := store.Snapshot()
	report := w.clean(store)
	if report.Records != uint64(len(w.records)) || report.Checkpoints != uint64(len(w.checkpoints)) {
		t.Errorf("%+v", report)
	}
	w.checkpoints[3].LogRoot = protocol.HashOf()
	w.cpTree = new(memoryTree)
	for _, c := range w.checkpoints {
		w.cpTree.append(leafHash(c.Encode()))
	}
	if report, err = w.audit(lying); err != nil || len(report.Findings) != 1 || report.Findings[0].Name != LogForked {
		t.Fatalf("%v, %v", report.Findings, err)
	}
	checkEvidence(t, report.Findings[0])
}

// Each name of a finding has a lie that it is found by.
func TestEachNameIsFound(t *testing.T) {
	source, err := os.ReadFile("finding.go")
	must(t, err)
	told := map[string]bool{}
	for _, test := range slices.Concat(recordLies, headLies, fileLies, apiLies, noteLies, listLies) {
		told[string(test.name)] = true
	}
	names := regexp.MustCompile(`(?m)^\t\w+ +Name = "([a-z-]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(names) < 30 {
		t.Errorf("there are only %d names in finding.go", len(names))
	}
	for _, name := range names {
		if !told[name[1]] {
			t.Errorf("no test tells the lie %s", name[1])
		}
	}
}
