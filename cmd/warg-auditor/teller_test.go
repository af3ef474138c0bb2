package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/cmd/warg-auditor/internal/state"
	"github.com/warg-trillian/warg-trillian/warg/audit"
)

func finding(index uint64, claimed string) audit.Finding {
	return audit.Finding{Name: audit.LogForked, Log: "records", Index: &index, Claimed: claimed, Computed: "c", Explanation: "e", Evidence: []byte(`{"evidence":1}`)}
}

// A finding is told once. A later process says it again as found before, alerts nobody,
// and tells another one.
func TestTellerTellsOnce(t *testing.T) {
	dir, evidence := t.TempDir(), filepath.Join(t.TempDir(), "evidence")
	var told, alerts bytes.Buffer
	for _, want := range []int{2, 0} {
		store, err := state.Open(dir)
		must(t, err)
		told.Reset()
		alerts.Reset()
		teller := &teller{
			out: outputFlags{JSON: true}.open(&environment{stdout: &told}), evidenceDir: evidence, store: store,
			alert: func(line []byte) error { alerts.Write(line); return nil },
		}
		must(t, teller.recall(t.Context()))
		if before := told.String(); strings.Count(before, `"foundBefore":"2`) != 2-want || strings.Count(before, "\n") != 2-want {
			t.Errorf("found before is said %s", before)
		}
		told.Reset()
		for range 2 {
			teller.tell(t.Context(), finding(1, "x"))
			teller.tellAll(t.Context(), &audit.Report{Findings: []audit.Finding{finding(2, "x"), finding(1, "x")}})
		}
		must(t, teller.failed())
		must(t, store.Close())
		if teller.count() != 2 || teller.new[audit.LogForked] != want || strings.Count(told.String(), "\n") != want || alerts.String() != told.String() {
			t.Errorf("%d findings, told %d, want %d:\n%s%s", teller.count(), teller.new[audit.LogForked], want, told.String(), alerts.String())
		}
		if want == 0 {
			continue
		}
		var object struct{ Type, Name, Log, Claimed, Evidence string }
		must(t, json.Unmarshal([]byte(strings.Split(told.String(), "\n")[0]), &object))
		text, err := os.ReadFile(object.Evidence)
		if err != nil || string(text) != `{"evidence":1}` || object.Type != "finding" || object.Name != "log-forked" || object.Claimed != "x" {
			t.Errorf("%+v: %s, %v", object, text, err)
		}
	}
}

// What lasts is told once, though what is computed of it has the time, or grows.
func TestTellerTellsOnceOverTime(t *testing.T) {
	for name, want := range map[audit.Name]int{
		audit.CheckpointStale: 1, audit.CheckpointFuture: 1, audit.CheckpointNotLogged: 1, audit.NoteStale: 1, audit.CosignatureFuture: 1, audit.LogForked: 2,
	} {
		teller := &teller{out: outputFlags{}.open(&environment{stdout: new(bytes.Buffer)})}
		for _, computed := range []string{"it was 100", "it was 110"} {
			f := finding(1, "x")
			f.Name, f.Computed = name, computed
			teller.tell(t.Context(), f)
		}
		if teller.new[name] != want {
			t.Errorf("%s is told %d times, want %d", name, teller.new[name], want)
		}
	}
}

// A follower tells once that nothing comes any more.
func TestFollowStale(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	r.release("example:hello", "1.0.0", "first")
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	out, stderr := &lines{}, &lines{}
	done := make(chan int)
	go func() {
		done <- run([]string{"follow", r.url, "--state", t.TempDir(), "--interval", "100ms", "--max-checkpoint-age", "1s"}, &environment{ctx, out, stderr, false})
	}()
	out.wait(ctx, "FOUND checkpoint-stale")
	time.Sleep(2500 * time.Millisecond)
	stop()
	if status := <-done; status != exitFindings || strings.Count(out.String(), "FOUND checkpoint-stale") != 1 {
		t.Errorf("status %d: %s%s", status, out.String(), stderr.String())
	}
}

// A registry that lies anew each time fills neither the disk nor the memory.
func TestTellerIsBounded(t *testing.T) {
	var told bytes.Buffer
	teller := &teller{out: outputFlags{}.open(&environment{stdout: &told}), evidenceDir: t.TempDir()}
	large := finding(0, "large")
	large.Evidence = make([]byte, maxEvidence+1)
	teller.tell(t.Context(), large)
	for n := range uint64(2 * maxOpen) {
		f := finding(n, "x")
		f.Evidence = nil
		teller.tell(t.Context(), f)
	}
	must(t, teller.failed())
	if teller.count() != maxOpen || teller.suppressed() != maxOpen+1 || strings.Count(told.String(), "FOUND") != maxOpen || strings.Contains(told.String(), "evidence:") {
		t.Errorf("%d told, %d left out", teller.count(), teller.suppressed())
	}
	// Others are told all the same.
	f := finding(0, "another")
	f.Name = audit.MapRootDiffers
	teller.tell(t.Context(), f)
	if teller.count() != maxOpen+1 {
		t.Error("many findings of a name hide one of another")
	}
	// What is withheld and given, again and again, comes to an end.
	told.Reset()
	for n := range uint64(maxTold + 10) {
		f := finding(n, "x")
		f.Name, f.Evidence = audit.TileWithheld, nil
		teller.tell(t.Context(), f)
		teller.endRound(t.Context(), &audit.Report{Mode: "tlog", Findings: []audit.Finding{f}}, audit.Options{})
		teller.endRound(t.Context(), &audit.Report{Mode: "tlog"}, audit.Options{})
	}
	if got := strings.Count(told.String(), "FOUND"); got != maxTold || teller.count() != maxOpen+1 {
		t.Errorf("%d told, %d open", got, teller.count())
	}
}

// What goes wrong while telling is no reason to tell nothing.
func TestTellerFails(t *testing.T) {
	var told bytes.Buffer
	file := write(t, "file", "")
	teller := &teller{out: outputFlags{}.open(&environment{stdout: &told}), evidenceDir: filepath.Join(file, "below"), alert: func([]byte) error { return errors.New("no alert") }}
	teller.tell(t.Context(), finding(1, "x"))
	err := teller.failed()
	if err == nil || !strings.Contains(err.Error(), "--evidence-dir") || !strings.Contains(err.Error(), "no alert") {
		t.Error(err)
	}
	if !strings.Contains(told.String(), "FOUND log-forked in records at 1: e\n  claimed:  x\n  computed: c\n") || teller.failed() != nil {
		t.Error(told.String())
	}
}

func TestAlert(t *testing.T) {
	if (alertFlags{}).alert() != nil {
		t.Error("there is an alert that nobody wants")
	}
	file := filepath.Join(t.TempDir(), "alert")
	must(t, alertFlags{"cat > " + file}.alert()([]byte("finding\n")))
	if text, err := os.ReadFile(file); string(text) != "finding\n" {
		t.Errorf("%q, %v", text, err)
	}
	// One that does not read its input, and one that fails.
	must(t, alertFlags{"true"}.alert()(make([]byte, 1<<20)))
	if err := (alertFlags{"echo why >&2; exit 3"}).alert()(nil); err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "why") {
		t.Error(err)
	}
}

func TestPace(t *testing.T) {
	p := pace{interval: 10 * time.Second}
	var got []time.Duration
	for _, failed := range []bool{false, true, true, true, true, true, true, true, false, true} {
		got = append(got, p.next(failed)/time.Second)
	}
	want := []time.Duration{10, 10, 20, 40, 80, 160, 300, 300, 10, 10}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%v, want %v", got, want)
		}
	}
	slow := pace{interval: time.Hour}
	for range 100 {
		if slow.next(true) != time.Hour {
			t.Fatal("a long interval is shortened")
		}
	}
	fast := pace{interval: time.Millisecond}
	if got := fast.next(true); got != time.Second {
		t.Errorf("after a failure the pause is %v", got)
	}
}

// Progress is for terminals alone, and leaves nothing behind.
func TestProgress(t *testing.T) {
	var screen bytes.Buffer
	if (outputFlags{}).progress(&environment{stderr: &screen}) != nil || (outputFlags{JSON: true}).progress(&environment{stderr: &screen, terminal: true}) != nil {
		t.Error("progress is shown to nobody")
	}
	var none *progress
	none.show("records", 1, 2)
	none.clear()
	p := outputFlags{}.progress(&environment{stderr: &screen, terminal: true})
	p.show("records", 1, 200)
	p.show("records", 2, 200) // too early
	p.show("a", 200, 200)
	p.clear()
	if want := "\rrecords: 1 of 200\ra: 200 of 200    \r             \r"; screen.String() != want {
		t.Errorf("%q, want %q", screen.String(), want)
	}
}

func TestMetrics(t *testing.T) {
	m := newMetrics()
	m.round(nil, 0, errors.New("away"), time.Second, time.Unix(100, 0))
	m.round(&audit.Report{Records: 7, Checkpoints: 3, Findings: make([]audit.Finding, 2)}, 2, nil, time.Second, time.Unix(200, 0))
	m.round(&audit.Report{Records: 7, Checkpoints: 3}, 2, nil, time.Second, time.Unix(200, 0)) // found before
	m.findings.WithLabelValues("log-forked").Inc()
	m.failures.WithLabelValues("http://a").Inc()
	var said bytes.Buffer
	stop, err := m.serve("127.0.0.1:0", &said)
	must(t, err)
	defer stop()
	address := strings.TrimSpace(strings.TrimPrefix(said.String(), "warg-auditor: serving metrics on "))
	source, err := sourceFlags{}.open("http://" + address)
	must(t, err)
	text, err := readAll(t, source, "metrics")
	must(t, err)
	for _, want := range []string{
		`warg_auditor_rounds_total{outcome="failed"} 1`, `warg_auditor_rounds_total{outcome="findings"} 2`, `warg_auditor_rounds_total{outcome="clean"} 0`,
		"warg_auditor_records 7", "warg_auditor_checkpoints 3", "warg_auditor_round_findings 2", "warg_auditor_last_complete_timestamp_seconds 200",
		`warg_auditor_findings_total{name="log-forked"} 1`, `warg_auditor_vantage_point_failures_total{url="http://a"} 1`, "go_goroutines", "process_resident_memory_bytes",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s", want)
		}
	}
	if text, err := readAll(t, source, "healthz"); err != nil || text != "ok\n" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := m.serve("nonsense", &said); err == nil || !strings.Contains(err.Error(), "--metrics-listen") {
		t.Error(err)
	}
}

// The page lists every metric and every finding.
func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/auditing.md")
	must(t, err)
	families, err := newMetrics().registry.Gather()
	must(t, err)
	for _, family := range families {
		if name := family.GetName(); strings.HasPrefix(name, "warg_") && !strings.Contains(string(page), "`"+name) {
			t.Errorf("docs/auditing.md lacks the metric %s", name)
		}
	}
	for _, name := range []string{"warg_auditor_findings_total", "warg_auditor_vantage_point_failures_total"} { // they have no values yet
		if !strings.Contains(string(page), "`"+name) {
			t.Errorf("docs/auditing.md lacks the metric %s", name)
		}
	}
	engine, err := os.ReadFile("../../warg/audit/finding.go")
	must(t, err)
	_, list, _ := strings.Cut(string(engine), "const (")
	list, _, _ = strings.Cut(list, "\n)")
	for line := range strings.Lines(list) {
		if parts := strings.Split(line, `"`); len(parts) > 2 && !strings.Contains(string(page), "`"+parts[1]+"`") {
			t.Errorf("docs/auditing.md lacks the finding %s", parts[1])
		}
	}
}
