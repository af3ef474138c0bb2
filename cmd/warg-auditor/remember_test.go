package main

import (
	"bytes"
	"context"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/audit"
	"github.com/warg-trillian/warg-trillian/warg/tlog/tlogtest"
)

// What is in the log for ever is found once by the engine, and is no less found in the
// next audit with the same state, or by a follower.
func TestFindingsAreRemembered(t *testing.T) {
	t.Parallel()
	r := tlogtest.New(t)
	r.Publish()
	r.Init("example:a")
	stranger := newKey(t)
	envelope := r.Next("example:a", &stranger)
	r.Append("example:a", envelope)
	r.Publish()
	files := r.Files()
	web := httptest.NewServer(tlogtest.Serve(files))
	defer web.Close()
	state := filepath.Join(t.TempDir(), "state")
	args := []string{"audit", web.URL, "--state", state, "--evidence-dir", t.TempDir()}
	first := expect(t, 1, "FOUND invalid-record", args...)
	for range 2 {
		said := expect(t, 1, "3 records, 2 checkpoints: 1 findings", args...)
		finding, _, _ := strings.Cut(first, "not checked")
		if !strings.HasPrefix(said, finding+"  found before: 2") || strings.Count(said, "FOUND") != 1 {
			t.Errorf("it says %s, at first it said %s", said, first)
		}
	}
	expect(t, 1, `"foundBefore":"2`, append(args, "--json")...)

	// A supervisor that starts a follower again hears it again.
	alerts := filepath.Join(t.TempDir(), "alerts")
	follow := []string{"follow", web.URL, "--state", state, "--interval", "10ms", "--exit-on-finding", "--alert-command", "cat >> " + alerts}
	for range 2 {
		expect(t, 1, "  found before: 2", follow...)
	}
	if _, err := readFile(alerts, 1000); err == nil {
		t.Error("somebody is alerted again")
	}
	// A registry that is away makes nothing well.
	web.Close()
	expect(t, 1, "FOUND invalid-record", args...)
	expect(t, 2, "refused", "audit", web.URL, "--state", filepath.Join(t.TempDir(), "new"))
}

// What was withheld and is there again is well, and told again if it vanishes again.
func TestWithheldAndWellAgain(t *testing.T) {
	t.Parallel()
	r := tlogtest.New(t)
	r.Publish()
	r.Init("example:a")
	r.Publish()
	files := r.Files()
	web := httptest.NewServer(tlogtest.Serve(files))
	defer web.Close()
	args := []string{"audit", web.URL, "--state", filepath.Join(t.TempDir(), "state"), "--evidence-dir", t.TempDir()}
	const path = "tlog/records/tile/entries/000.p/2"
	for n := range 2 {
		args := args
		if n > 0 { // what is audited is not read again, so there is something new
			args = append(args, "--json")
			r.Init("example:b")
			r.Publish()
		}
		all := r.Files()
		for p, data := range all {
			files[p] = data
		}
		missing := []string{path, "tlog/records/tile/entries/000.p/3"}[n]
		delete(files, missing)
		for range 2 {
			expect(t, 1, "tile-withheld", args...)
		}
		files[missing] = all[missing]
		said := expect(t, 0, "tile-withheld", args...)
		if !strings.Contains(said, "\nwell again: tile-withheld") && !strings.Contains(said, `{"type":"well","name":"tile-withheld"`) {
			t.Errorf("it is not told to be well again: %s", said)
		}
		if said := expect(t, 0, "", args...); strings.Contains(said, "tile-withheld") {
			t.Errorf("what is well is told: %s", said)
		}
	}
}

// Only what a complete round has looked at, and not found, is well.
func TestWellAgain(t *testing.T) {
	tlog := &audit.Report{Mode: "tlog"}
	all := audit.Options{Content: true, Policy: []byte("x")}
	none := audit.Options{}
	for what, test := range map[string]struct {
		name    audit.Name
		report  *audit.Report
		options audit.Options
		well    bool
	}{
		"content":            {audit.ContentWithheld, tlog, all, true},
		"content, not asked": {audit.ContentWithheld, tlog, none, false},
		"a tile":             {audit.TileWithheld, tlog, none, true},
		"no tiles any more":  {audit.TileWithheld, &audit.Report{Mode: "v1"}, all, false},
		"a note":             {audit.NoteStale, tlog, all, true},
		"a note, no policy":  {audit.NoteStale, tlog, none, false},
		"a quorum":           {audit.CosignatureQuorum, tlog, all, true},
		"without policy":     {audit.CosignatureQuorum, tlog, none, false},
		"API":                {audit.APILogDiffers, tlog, none, true},
		"no API any more":    {audit.APILogDiffers, &audit.Report{Mode: "tlog", Unchecked: []audit.Unchecked{{What: "v1 API"}}}, all, false},
		"many of them":       {audit.TileWithheld, &audit.Report{Mode: "tlog", Suppressed: map[audit.Name]int{audit.TileWithheld: 1}}, all, false},
		"an unread log":      {audit.TileWithheld, &audit.Report{Mode: "tlog", Findings: []audit.Finding{{Name: audit.NoteSignature}}}, all, false},
		"a fork":             {audit.LogForked, tlog, all, false},
		"altered content":    {audit.ContentAltered, tlog, all, false},
		"a shorter list":     {audit.WithheldListRewound, tlog, none, true},
		"no list was asked":  {audit.WithheldListRewound, &audit.Report{Mode: "tlog", Unchecked: []audit.Unchecked{{What: "withheld"}}}, all, false},
		"another list":       {audit.WithheldListForked, tlog, all, false},
	} {
		var told bytes.Buffer
		teller := &teller{out: outputFlags{}.open(&environment{stdout: &told}), store: new(audit.MemoryStore)}
		f := finding(1, what)
		f.Name = test.name
		teller.tell(t.Context(), f)
		teller.endRound(t.Context(), test.report, test.options) // it was found in this one
		if teller.count() != 1 {
			t.Errorf("%s: what is found is well", what)
		}
		teller.endRound(t.Context(), test.report, test.options)
		if well := teller.count() == 0; well != test.well || strings.Contains(told.String(), "well again") != well {
			t.Errorf("%s: well is %v, want %v: %s", what, well, test.well, told.String())
		}
		teller.recall(t.Context())
		if well := teller.count() == 0; well != test.well {
			t.Errorf("%s: a later process knows %d findings", what, teller.count())
		}
	}
}

// Earlier versions remembered the name alone.
func TestRecallNames(t *testing.T) {
	var told bytes.Buffer
	store := new(audit.MemoryStore)
	must(t, store.Commit(t.Context(), []audit.Put{{Space: toldSpace, Key: []byte("sha256:x"), Value: []byte("log-forked")}}))
	teller := &teller{out: outputFlags{}.open(&environment{stdout: &told}), store: store}
	must(t, teller.recall(t.Context()))
	if said := told.String(); teller.count() != 1 || !strings.HasPrefix(said, "FOUND log-forked") || !strings.HasSuffix(said, "  found before\n") {
		t.Errorf("%d findings: %s", teller.count(), said)
	}
}

// A follower that never got an answer has seen nothing that is clean.
func TestFollowNoAnswer(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	out, stderr := &lines{}, &lines{}
	done := make(chan int)
	go func() {
		done <- run([]string{"follow", "http://127.0.0.1:1", "--state", t.TempDir(), "--interval", "10ms"}, &environment{ctx, out, stderr, false})
	}()
	out.wait(t.Context(), "could not audit")
	stop()
	if status := <-done; status != exitFailed || !strings.HasPrefix(stderr.String(), "warg-auditor: no round came to its end: ") || strings.Contains(stderr.String(), "context canceled") {
		t.Errorf("status %d: %s%s", status, out.String(), stderr.String())
	}
}
