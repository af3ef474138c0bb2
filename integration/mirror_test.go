package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/buckets"
	"github.com/warg-trillian/warg-trillian/integration/liar"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// awaitMirror waits until a registry has a mirror of another one with that one's newest
// checkpoint.
func awaitMirror(t *testing.T, home *server, other *upstream) (length uint64) {
	t.Helper()
	want := lengthOf(t, other.url, "")
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(50 * time.Millisecond) {
		status, body := askFor(t, home.url, other.domain)
		var c protocol.SignedCheckpoint
		if status == http.StatusOK && c.UnmarshalJSON(body) == nil && c.Contents.LogLength >= want {
			return c.Contents.LogLength
		}
		if time.Now().After(deadline) {
			t.Fatalf("the mirror of %s does not come to %d records: status %d: %s", other.domain, want, status, body)
		}
	}
}

// A mirror of a registry of ours and of the reference server serves all of both when they
// are gone: to the official client, which downloads and bundles, and to the auditor, which
// finds what it finds at the registries themselves.
func TestMirror(t *testing.T) {
	t.Parallel()
	ours, reference := startUpstream(t, "wasi"), startReferenceUpstream(t, "ba")
	flags := []string{
		"--imported-namespace", "wasi=" + ours.domain, "--imported-namespace", "ba=" + reference.domain,
		"--registries-file", registriesFile(t, ours.entry("mode: mirror", "interval: 1s"), reference.entry("mode: mirror", "interval: 1s")),
	}
	home := startServer(t, flags...)
	packages := []struct {
		at            *server
		name, version string
		content       []byte
	}{
		{reference.server, "ba:add", "2.0.0", adder()},
		{ours.server, "wasi:twice", "1.2.0", dependent("twice", "unlocked-dep=<ba:add@*>", "add", "left", "right")},
		{home, "example:app", "0.1.0", dependent("run", "unlocked-dep=<wasi:twice@*>", "twice", "input")},
	}
	for _, p := range packages {
		author := newPublisher(t, p.at)
		if p.at == reference.server { // it refuses a release behind an init that is not published
			author.run("publish", "init", p.name)
		}
		author.release(p.name, p.version, p.content)
	}
	ours.publishMany(t, "p", 4, 80) // more than a bundle, in the namespace example, which is not its own
	lengths := map[*upstream]uint64{ours: awaitMirror(t, home, ours), reference: awaitMirror(t, home, reference)}
	awaitMirroredNote(t, home, ours, lengths[ours])
	for _, u := range []*upstream{ours, reference} {
		for _, p := range packages {
			if p.at == u.server {
				awaitContent(t, home, u, p.content)
			}
		}
	}
	home.stop(t)
	ours.stop(t)
	reference.end()
	home.start(t)

	c := newReader(t, home)
	for _, p := range packages {
		if !bytes.Equal(c.download(p.name), p.content) {
			t.Errorf("%s: the content differs", p.name)
		}
	}
	another := newReader(t, home)
	another.run("bundle", "example:app")
	for u, length := range lengths {
		report := auditAt(t, home.url+"/registries/"+u.domain, "--content")
		if report.Records != length {
			t.Errorf("the audit of the mirror of %s has %d records, want %d", u.domain, report.Records, length)
		}
	}
}

// awaitMirroredNote waits until a mirror has the note of so many records that its upstream
// has signed: the auditor goes by that.
func awaitMirroredNote(t *testing.T, home *server, other *upstream, length uint64) {
	t.Helper()
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(50 * time.Millisecond) {
		status, note, err := request(t.Context(), http.MethodGet, home.url+"/registries/"+other.domain+"/"+tlog.Records.Path()+"/"+tlog.CheckpointPath, "", nil)
		must(t, err)
		if head, err := tlog.HeadOf(note); status == http.StatusOK && err == nil && head.Size >= length {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the mirror of %s has no note of %d records: status %d: %s", other.domain, length, status, note)
		}
	}
}

// awaitContent waits until a mirror has a content.
func awaitContent(t *testing.T, home *server, other *upstream, content []byte) {
	t.Helper()
	dir := filepath.Join(home.dataDir, "mirrors", other.domain, "content")
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(50 * time.Millisecond) {
		if holdsFile(dir, content) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the mirror of %s does not fetch content", other.domain)
		}
	}
}

// holdsFile tells whether a file below a folder has a content.
func holdsFile(dir string, content []byte) (found bool) {
	filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			if text, err := os.ReadFile(path); err == nil && bytes.Equal(text, content) {
				found = true
			}
		}
		return nil
	})
	return found
}

// auditReport is what the auditor says in the end.
type auditReport struct {
	Records, Contents uint64
	Mode              string
}

// auditAt runs the auditor, which must find nothing wrong.
func auditAt(t *testing.T, url string, flags ...string) (report auditReport) {
	t.Helper()
	args := append([]string{"audit", url, "--json", "--state", filepath.Join(t.TempDir(), "state")}, flags...)
	output, err := exec.CommandContext(t.Context(), command(t, "warg-auditor"), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("the audit of %s: %v: %s", url, err, output)
	}
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &report); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return report
}

// A mirror that is killed again and again while it catches up never shows half of what its
// upstream has, nor less than it has shown; and when it is left alone it comes to all of it,
// with what was published while it was down, and follows from then on.
func TestMirrorIsKilled(t *testing.T) {
	t.Parallel()
	for how, files := range map[string]bool{"by bundles": true, "by the v1 API": false} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			u := startUpstream(t, "wasi")
			u.publishMany(t, "p", 10, 300)
			seen := u
			if !files {
				seen = u.withoutFiles(t)
			}
			home := startServer(t, "--registries-file", registriesFile(t, seen.entry("mode: mirror", "interval: 1s")))
			w := &mirrorWatch{home: home, other: seen}
			for n := range 6 {
				time.Sleep(time.Duration(n*n) * 30 * time.Millisecond) // later each time; where that is, is all the same
				if w.look(t) > 0 {
					auditAt(t, home.url+"/registries/"+seen.domain) // what it shows is whole
				}
				home.kill(t)
				if n == 5 {
					u.publishMany(t, "down", 3, 50)
				}
				home.start(t)
			}
			w.await(t, u.logLength(t))
			u.publishMany(t, "later", 2, 20)
			want := u.logLength(t)
			w.await(t, want)
			if files {
				awaitMirroredNote(t, home, seen, want)
			}
			if report := auditAt(t, home.url+"/registries/"+seen.domain); report.Records != want {
				t.Errorf("the audit has %d records, want %d", report.Records, want)
			}
		})
	}
}

// withoutFiles is an upstream as one that has no static files.
func (u *upstream) withoutFiles(t *testing.T) *upstream {
	t.Helper()
	target, err := url.Parse(u.url)
	must(t, err)
	all := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/tlog/") {
			http.NotFound(w, r)
			return
		}
		all.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return &upstream{server: &server{url: front.URL}, domain: strings.TrimPrefix(front.URL, "http://"), key: u.key}
}

// mirrorWatch is what a mirror has shown so far.
type mirrorWatch struct {
	home  *server
	other *upstream
	shown uint64 // records
}

// look looks what the mirror shows, which is never less than before.
func (w *mirrorWatch) look(t *testing.T) uint64 {
	t.Helper()
	status, body := askFor(t, w.home.url, w.other.domain)
	if status != http.StatusOK && w.shown == 0 {
		return 0 // the first checkpoint is not there yet
	}
	var c protocol.SignedCheckpoint
	if err := c.UnmarshalJSON(body); status != http.StatusOK || err != nil || c.Contents.LogLength < w.shown {
		t.Fatalf("it shows %d records, and has shown %d (status %d, %v)", c.Contents.LogLength, w.shown, status, err)
	}
	w.shown = c.Contents.LogLength
	return w.shown
}

// await watches until the mirror shows so many records, as long as it gets on.
func (w *mirrorWatch) await(t *testing.T, records uint64) {
	t.Helper()
	before, since := uint64(0), time.Now()
	for w.look(t) < records {
		time.Sleep(20 * time.Millisecond)
		if w.shown > before {
			before, since = w.shown, time.Now()
		}
		if time.Since(since) > startTimeout {
			t.Fatalf("the mirror shows %d records and does not come to %d", w.shown, records)
		}
	}
}

// The content of a mirror is below its own folder, also where that of its registry is in a
// bucket: the two do not mix, and each is served when the other registry is gone.
func TestMirrorBesideBucket(t *testing.T) {
	bucket := buckets.S3(t)
	u := startUpstream(t, "wasi")
	home := startServer(t, "--content-url", bucket.URL, "--registries-file", registriesFile(t, u.entry("mode: mirror", "interval: 1s")))
	theirs, ours := adder(), emptyComponent()
	for s, content := range map[*server][]byte{u.server: theirs, home: ours} {
		a := newAuthor(t, "example:one")
		s.publishRelease(t, a, a.begin(), nil)
		s.publishRelease(t, a, a.release(content), content)
	}
	awaitMirror(t, home, u)
	awaitContent(t, home, u, theirs)
	if !holdsFile(bucket.Dir, ours) || holdsFile(bucket.Dir, theirs) {
		t.Errorf("the bucket has this registry's content: %v, and that of the mirror: %v", holdsFile(bucket.Dir, ours), holdsFile(bucket.Dir, theirs))
	}
	u.stop(t)
	home.stop(t)
	home.start(t)
	for path, content := range map[string][]byte{contentPath(ours): ours, "/registries/" + u.domain + contentPath(theirs): theirs} {
		if response, body := home.answer(t, http.MethodGet, path, nil); response.StatusCode != http.StatusOK || !bytes.Equal(body, content) {
			t.Errorf("GET %s: status %s, %d bytes", path, response.Status, len(body))
		}
	}
}

// An upstream that lies, in each way that a registry can whose operator means harm, is
// caught: the last good state is served on, and the metrics and /readyz say so.
func TestMirrorOfALiar(t *testing.T) {
	t.Parallel()
	l := startLied(t)
	u := &upstream{server: &server{url: l.Liar.URL}, domain: strings.TrimPrefix(l.Liar.URL, "http://"), key: l.keys.Operator}
	home := startServer(t, "--registries-file", registriesFile(t, u.entry("mode: mirror", "interval: 1s")))
	good := awaitMirror(t, home, u)
	for what, lie := range map[string]func(*liar.Liar){
		"it went back": func(x *liar.Liar) {
			x.ChangePath("/v1/fetch/checkpoint", func(body []byte) []byte {
				var c protocol.SignedCheckpoint
				if err := c.UnmarshalJSON(body); err != nil {
					t.Error(err)
				}
				c.Contents.LogLength = good / 2
				signed, _ := c.Contents.Sign(l.keys.Operator).MarshalJSON()
				return signed
			})
		},
		"a forked log": func(x *liar.Liar) {
			x.ChangePath("/v1/fetch/checkpoint", func(body []byte) []byte {
				var c protocol.SignedCheckpoint
				if err := c.UnmarshalJSON(body); err != nil {
					t.Error(err)
				}
				c.Contents.MapRoot[0] ^= 1
				signed, _ := c.Contents.Sign(l.keys.Operator).MarshalJSON()
				return signed
			})
		},
		"other envelopes": func(x *liar.Liar) {
			x.ChangePath("/"+tlog.Records.Path()+"/tile/envelopes/", func(body []byte) []byte {
				body[len(body)-9] ^= 1
				return body
			})
		},
	} {
		before := caughtBy(t, home)
		lie(l.Liar)
		a := newAuthor(t, "example:"+strings.ReplaceAll(what, " ", "-"))
		r := a.begin()
		l.mustSend(t, r)
		l.waitPublished(t, r)
		for deadline := time.Now().Add(startTimeout); caughtBy(t, home) == before; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: it is not caught", what)
			}
		}
		if got := lengthOf(t, home.url, u.domain); got != good {
			t.Errorf("%s: it serves %d records, and verified %d before", what, got, good)
		}
		l.Honest()
		good = awaitMirror(t, home, u)
	}
	auditAt(t, home.url+"/registries/"+u.domain)
	if text := home.stderr.String(); !strings.Contains(text, "gave what does not hold") {
		t.Error("the log does not say it")
	}
}

// caughtBy is how often a registry says among its remarks that an upstream was caught.
func caughtBy(t *testing.T, home *server) string {
	t.Helper()
	_, body, err := request(context.Background(), http.MethodGet, home.url+"/readyz", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
