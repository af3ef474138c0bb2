package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/audit"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/tlog/tlogtest"
)

// An honest registry, asked and exported, is clean.
func TestAuditHonest(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	r.release("example:hello", "1.0.0", "first")
	r.release("other:thing", "1.0.0", "thing")
	r.publish("example:hello", nil, client.Yank("1.0.0"))
	pinned := []string{"--vkey", r.vkeys[0], "--vkey", r.vkeys[1], "--operator-key", r.key.Public().String(), "--evidence-dir", filepath.Join(t.TempDir(), "evidence")}
	state := filepath.Join(t.TempDir(), "state")
	expect(t, 0, "4 records", append([]string{"audit", r.url, "--content", "--state", state}, pinned...)...)
	r.release("example:hello", "2.0.0", "second")
	said := expect(t, 0, `"complete":true`, append([]string{"audit", r.url, "--content", "--json", "--state", state, "--also", r.url}, pinned...)...)
	var report roundReport
	must(t, json.Unmarshal([]byte(said), &report))
	if report.Records != 5 || report.NewRecords != 1 || report.Findings != 0 || report.Mode != "tlog" || len(report.Unchecked) != 1 || report.Unchecked[0].What != "cosignatures" {
		t.Errorf("%+v", report)
	}
	dir := t.TempDir()
	expect(t, 0, "", "export", r.url, dir, "--content", "--vkey", r.vkeys[0], "--vkey", r.vkeys[1])
	if said := expect(t, 0, "5 records", append([]string{"audit", dir, "--content"}, pinned...)...); !strings.Contains(said, "not checked") {
		t.Errorf("of an export alone, something is not checked: %s", said)
	}
	expect(t, 2, "", append([]string{"audit", "http://127.0.0.1:1"}, pinned...)...)
}

// liar stands before a registry, and gives another answer for one path.
func liar(t *testing.T, of string, path *atomic.Value) string {
	target, err := url.Parse(of)
	must(t, err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if lie, ok := path.Load().(string); ok && lie == r.URL.Path {
			w.Write([]byte("a lie"))
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)
	return web.URL
}

// A finding leaves evidence, which is checked alone, and refused after any change.
func TestAuditFinds(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	r.release("example:hello", "1.0.0", "first")
	var lie atomic.Value
	lie.Store("/tlog/records/tile/entries/000.p/2")
	evidence := filepath.Join(t.TempDir(), "evidence")
	args := []string{"audit", liar(t, r.url, &lie), "--vkey", r.vkeys[0], "--vkey", r.vkeys[1], "--evidence-dir", evidence}
	said := expect(t, 1, "FOUND tile-differs in records", args...)
	_, file, _ := strings.Cut(said, "  evidence: ")
	file, _, _ = strings.Cut(file, "\n")
	// The tree head is signed, and the answer is not.
	checked := expect(t, 0, "The evidence holds; not signed is, and so rests on whoever recorded it: that the registry gave this answer.\nFOUND", "check", file)
	if !strings.Contains(checked, "\nFOUND tile-differs in records") || !strings.Contains(checked, "  signed in part by: "+r.vkeys[0]) || strings.Contains(checked, "Nothing") {
		t.Error(checked)
	}
	expect(t, 1, "does not prove tile-differs by signatures alone: not signed is", "check", file, "--signed")
	expect(t, 1, `"holds":false`, "check", file, "--signed", "--json")
	said = expect(t, 0, `"holds":true`, "check", file, "--json")
	if !strings.Contains(said, `"name":"tile-differs"`) || !strings.Contains(said, r.vkeys[0]) {
		t.Error(said)
	}
	text, err := os.ReadFile(file)
	must(t, err)
	for _, at := range []int{0, len(text) / 2, len(text) - 2} {
		text[at] ^= 1
		expect(t, 1, "proves nothing", "check", write(t, "changed", string(text)))
		text[at] ^= 1
	}
	expect(t, 2, "no such file", "check", file+"x")
	expect(t, 1, `"findings":`, append(args, "--json")...)
}

// Without any key nothing in the evidence is signed, and `check` says that alone.
func TestCheckUnsigned(t *testing.T) {
	t.Parallel()
	r := tlogtest.New(t)
	r.Publish()
	files := r.Files()
	delete(files, "tlog/records/tile/entries/000.p/1")
	web := httptest.NewServer(tlogtest.Serve(files))
	defer web.Close()
	said := expect(t, 1, "FOUND tile-withheld", "audit", web.URL, "--evidence-dir", t.TempDir())
	_, file, _ := strings.Cut(said, "  evidence: ")
	file, _, _ = strings.Cut(file, "\n")
	if said := expect(t, 0, "Nothing in it is signed.", "check", file); strings.Contains(said, "signed by") {
		t.Error(said)
	}
	expect(t, 1, "Nothing in it is signed.", "check", file, "--signed")
}

// Two vantage points that show different logs are a fork, and both heads are evidence.
func TestAuditSplitView(t *testing.T) {
	t.Parallel()
	r := tlogtest.New(t)
	fork := tlogtest.New(t)
	fork.Keys = r.Keys
	var urls []string
	for i, of := range []*tlogtest.Registry{r, fork} {
		of.Publish()
		of.Init(fmt.Sprintf("example:p%d", i))
		of.Publish()
		web := httptest.NewServer(tlogtest.Serve(of.Files()))
		defer web.Close()
		urls = append(urls, web.URL)
	}
	pinned := []string{"--vkey", r.Keys[tlog.Records].VKeys()[0], "--vkey", r.Keys[tlog.Checkpoints].VKeys()[0], "--evidence-dir", t.TempDir()}
	for _, place := range urls {
		expect(t, 0, "2 records, 2 checkpoints: nothing was found", append([]string{"audit", place, "--also", place}, pinned...)...)
	}
	said := expect(t, 1, "FOUND log-forked in records", append([]string{"audit", urls[0], "--also", urls[1]}, pinned...)...)
	_, file, _ := strings.Cut(said, "  evidence: ")
	file, _, _ = strings.Cut(file, "\n")
	checked := expect(t, 0, "The evidence holds, and the registry signed it.\nFOUND log-forked", "check", file, "--signed")
	if !strings.Contains(checked, "  signed by: "+r.Keys[tlog.Records].VKeys()[0]) {
		t.Error(checked)
	}
	expect(t, 2, "--also", "audit", urls[0], "--also", "ftp://x")
}

// A follower goes on from its state, tells a finding once over all of its lives, and
// ends when it is asked to.
func TestFollow(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	r.release("example:hello", "1.0.0", "first")
	var lie atomic.Value
	lie.Store("")
	place := liar(t, r.url, &lie)
	state, alerts := filepath.Join(t.TempDir(), "state"), filepath.Join(t.TempDir(), "alerts")
	args := []string{"follow", place, "--state", state, "--interval", "50ms", "--json", "--content", "--also", r.url, "--metrics-listen", "127.0.0.1:0",
		"--vkey", r.vkeys[0], "--vkey", r.vkeys[1], "--alert-command", "cat >> " + alerts}
	// follow runs a life until what it says has a text.
	follow := func(during func(), until string) (said string, status int) {
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		out, stderr := &lines{}, &lines{}
		done := make(chan int)
		go func() { done <- run(args, &environment{ctx, out, stderr, false}) }()
		out.wait(ctx, `"complete":true`)
		during()
		out.wait(ctx, until)
		time.Sleep(300 * time.Millisecond) // rounds without news
		stop()
		status = <-done
		if said := stderr.String(); !strings.HasPrefix(said, "warg-auditor: serving metrics on 127.0.0.1:") || strings.Count(said, "\n") != 1 {
			t.Errorf("standard error: %s", said)
		}
		return out.String(), status
	}
	said, status := follow(func() { r.release("example:hello", "2.0.0", "second") }, `"records":3,`)
	if status != 0 || strings.Count(said, `"type":"report"`) != 2 || !strings.Contains(said, `"records":2,`) || !strings.Contains(said, `"newRecords":1,`) {
		t.Errorf("status %d: %s", status, said)
	}
	said, status = follow(func() {
		lie.Store("/content/" + strings.Replace(protocol.HashOf([]byte("third")).String(), ":", "-", 1))
		r.release("example:hello", "3.0.0", "third")
	}, "content-altered")
	if status != 1 || strings.Count(said, `{"type":"finding","name":"content-altered"`) != 1 {
		t.Errorf("status %d: %s", status, said)
	}
	if alerted, err := os.ReadFile(alerts); strings.Count(string(alerted), "content-altered") == 0 || strings.Count(string(alerted), "\n") != 1 {
		t.Errorf("%s, %v", alerted, err)
	}
	if files, err := os.ReadDir(filepath.Join(state, "evidence")); len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
	// Its next life says it as found before, and ends after its first round.
	args = append(args, "--exit-on-finding")
	lie.Store("/tlog/records/checkpoint")
	said, _, status = do(t, args...)
	if status != 1 || strings.Count(said, `"foundBefore":"2`) != 1 || strings.Count(said, `"name":"content-altered"`) != 1 || strings.Count(said, `"type":"finding"`) < 2 {
		t.Errorf("status %d: %s", status, said)
	}
	expect(t, 2, "another process uses it", holding(t, state, args)...)
}

// lines is what a program says while it runs.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// wait waits until a text is said, or until ctx ends.
func (l *lines) wait(ctx context.Context, text string) {
	for ctx.Err() == nil && !strings.Contains(l.String(), text) {
		time.Sleep(10 * time.Millisecond)
	}
}

// holding keeps a state folder in use while the test runs.
func holding(t *testing.T, dir string, args []string) []string {
	t.Helper()
	store, err := openState(dir)
	must(t, err)
	t.Cleanup(func() { store.Close() })
	return args
}

// A follower that is killed at any point goes on in its next life, and an honest
// registry gives no finding.
func TestFollowKilled(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	state := filepath.Join(t.TempDir(), "state")
	for n := range 6 {
		r.release("example:hello", fmt.Sprintf("1.0.%d", n), "content")
		cmd := exec.Command(os.Args[0], "follow", r.url, "--state", state, "--interval", "1ms", "--vkey", r.vkeys[0])
		cmd.Env = append(os.Environ(), runAsProgram+"=1")
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		must(t, cmd.Start())
		time.Sleep(time.Duration(20+90*n) * time.Millisecond)
		r.release("example:hello", fmt.Sprintf("2.0.%d", n), "content")
		signal := syscall.SIGKILL
		if n == 5 {
			signal = syscall.SIGTERM
			time.Sleep(2 * time.Second)
		}
		must(t, cmd.Process.Signal(signal))
		err := cmd.Wait()
		if strings.Contains(out.String(), "FOUND") || n == 5 && (err != nil || !strings.Contains(out.String(), "13 records")) {
			t.Errorf("%v: %s", err, out.String())
		}
	}
}

// A vantage point that is away is told, and neither slows the audit down nor hides what
// it finds.
func TestFollowVantagePointAway(t *testing.T) {
	r := tlogtest.New(t)
	r.Publish()
	web := httptest.NewServer(tlogtest.Serve(r.Files()))
	defer web.Close()
	source, err := sourceFlags{}.open(web.URL)
	must(t, err)
	away, err := sourceFlags{}.openAll([]string{"http://127.0.0.1:1"})
	must(t, err)
	auditor, err := audit.New(source, new(audit.MemoryStore), audit.Options{VKeys: r.Keys[tlog.Records].VKeys()})
	must(t, err)
	out, stderr := &lines{}, &lines{}
	f := &follower{
		registry: web.URL, auditor: auditor, others: away, metrics: newMetrics(), out: outputFlags{}.open(&environment{stdout: out}), stderr: stderr,
		clear: func() {}, teller: &teller{out: outputFlags{}.open(&environment{stdout: out})},
	}
	for range 2 {
		if f.round(t.Context()) {
			t.Error("the round failed")
		}
	}
	if said := out.String(); strings.Count(said, "could not audit: vantage point http://127.0.0.1:1/") != 1 || !strings.Contains(said, "1 records, 1 checkpoints") || stderr.String() != "" {
		t.Errorf("it says %s%s", said, stderr.String())
	}
	families, err := f.metrics.registry.Gather()
	must(t, err)
	text := fmt.Sprint(families)
	if !strings.Contains(text, "vantage_point_failures_total") || !strings.Contains(text, `value:"failed"`) {
		t.Error(text)
	}
	// The registry itself is away.
	web.Close()
	if !f.round(t.Context()) {
		t.Error("the round did not fail")
	}
}
