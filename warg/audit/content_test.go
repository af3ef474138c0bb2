package audit

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// releaseOf publishes a version with some content.
func (w *world) releaseOf(name, version, content string) protocol.Hash {
	digest := protocol.HashOf([]byte(content))
	w.contents[digest] = []byte(content)
	var entries []protocol.PackageEntry
	if _, ok := w.prev[name]; !ok {
		entries = append(entries, protocol.PackageEntry{Type: protocol.EntryInit, Key: w.author.Public()})
	}
	w.publish(name, w.author, append(entries, protocol.PackageEntry{Type: protocol.EntryRelease, Version: version, Content: digest.Any()})...)
	return digest
}

func (w *world) yank(name, version string) {
	w.publish(name, w.author, protocol.PackageEntry{Type: protocol.EntryYank, Version: version})
}

// Yanked releases are looked at like others, and switch nothing off.
func TestYankedContents(t *testing.T) {
	for _, test := range []struct {
		what    string
		publish func(w *world) protocol.Hash
		kept    bool // a release of the digest is not yanked
	}{
		{"yanked", func(w *world) protocol.Hash {
			digest := w.releaseOf("example:pa", "1.0.0", "bad")
			w.yank("example:pa", "1.0.0")
			return digest
		}, false},
		{"released twice, the first one yanked", func(w *world) protocol.Hash {
			w.releaseOf("example:pa", "1.0.0", "bad")
			digest := w.releaseOf("example:pa", "1.0.1", "bad")
			w.yank("example:pa", "1.0.0")
			return digest
		}, true},
		{"released by two packages, one yanked", func(w *world) protocol.Hash {
			w.releaseOf("example:pa", "1.0.0", "bad")
			digest := w.releaseOf("example:pb", "1.0.0", "bad")
			w.yank("example:pa", "1.0.0")
			return digest
		}, true},
		{"released by two packages, the other one yanked", func(w *world) protocol.Hash {
			w.releaseOf("example:pa", "1.0.0", "bad")
			digest := w.releaseOf("example:pb", "1.0.0", "bad")
			w.yank("example:pb", "1.0.0")
			return digest
		}, true},
	} {
		t.Run(test.what, func(t *testing.T) {
			w := newWorld(t)
			digest := test.publish(w)
			w.checkpoint()
			if report := w.clean(new(MemoryStore)); report.Contents != 1 {
				t.Errorf("%d contents", report.Contents)
			}
			w.contents[digest] = []byte("altered")
			report, err := w.audit(new(MemoryStore))
			must(t, err)
			if len(report.Findings) != 1 || report.Findings[0].Name != ContentAltered {
				t.Errorf("altered: %v", report.Findings)
			}
			delete(w.contents, digest)
			report, err = w.audit(new(MemoryStore))
			must(t, err)
			if test.kept && (len(report.Findings) != 1 || report.Findings[0].Name != ContentWithheld) {
				t.Errorf("withheld: %v", report.Findings)
			}
			if !test.kept && (len(report.Findings) > 0 || len(report.Unchecked) != 1 || !strings.Contains(report.Unchecked[0].Reason, "is yanked")) {
				t.Errorf("withheld: %v, unchecked %v", report.Findings, report.Unchecked)
			}
		})
	}
}

// A content that is too long is not read again and again, and said to be unchecked.
func TestLongContent(t *testing.T) {
	w := newWorld(t)
	w.releaseOf("example:pa", "1.0.0", strings.Repeat("long", 100))
	w.checkpoint()
	asked := 0
	w.tamper = func(path string, _ []byte, status int, answer []byte) (int, []byte) {
		if strings.HasPrefix(path, "content/") {
			asked++
		}
		return status, answer
	}
	store := new(MemoryStore)
	o := w.options()
	o.MaxContent = 399
	for range 3 {
		report, err := w.auditWith(store, o)
		must(t, err)
		if !report.Clean() || len(report.Unchecked) != 1 || !strings.Contains(report.Unchecked[0].Reason, "longer than 399 bytes") {
			t.Errorf("%v, unchecked %v", report.Findings, report.Unchecked)
		}
	}
	if asked != 1 {
		t.Errorf("asked for %d times", asked)
	}
	if report := w.clean(store); report.Contents != 1 || len(report.Unchecked) > 0 {
		t.Errorf("with another limit: %+v", report)
	}
}

// A link that leads nowhere is no content.
func TestContentLinks(t *testing.T) {
	for _, link := range []string{"file:///etc/passwd", "gopher://registry.example/x", "http://[bad/"} {
		w := newWorld(t)
		digest := w.releaseOf("example:pa", "1.0.0", "x")
		w.checkpoint()
		w.tamper = tampered(api.ContentSourcesPath(digest), func(int, []byte) (int, []byte) {
			answer := api.ContentSourcesResponse{ContentSources: api.HashMap[[]api.ContentSource]{{Hash: digest.Any(), Value: []api.ContentSource{{URL: link}}}}}
			return 200, answer.AppendJSON(nil)
		})
		a, err := New(w.serve(t), new(MemoryStore), w.options())
		must(t, err)
		report, err := a.Round(context.Background())
		if err != nil || len(report.Findings) != 1 || report.Findings[0].Name != ContentWithheld || !strings.Contains(report.Findings[0].Claimed, "can not be followed") {
			t.Fatalf("%s: %v, %v", link, err, report.Findings)
		}
		checkEvidence(t, report.Findings[0])
	}
}

// Content that comes slowly, or never, does not hold an audit up, nor hide other lies.
func TestSlowContent(t *testing.T) {
	for _, what := range []string{"no head", "no body", "a byte now and then"} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			w.some(6)   // 18 contents
			last := "x" // is asked for behind the others
			for digest := protocol.HashOf([]byte(last)); digest[0] < 0xff || digest[1] < 0xf0; digest = protocol.HashOf([]byte(last)) {
				last += "x"
			}
			altered := w.releaseOf("example:pa", "9.0.0", last)
			w.checkpoint()
			w.contents[altered] = []byte("altered")
			fast := "content/" + altered.String()
			server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				path := strings.TrimPrefix(r.URL.Path, "/")
				body, err := io.ReadAll(r.Body)
				if err == nil && strings.HasPrefix(path, "content/") && path != fast {
					for r.Context().Err() == nil {
						if what != "no head" {
							rw.(http.Flusher).Flush()
						}
						if what == "a byte now and then" {
							io.WriteString(rw, "x")
						}
						time.Sleep(10 * time.Millisecond)
					}
					return
				}
				status, answer := w.answer(Request{Method: r.Method, Path: path, Body: body})
				rw.WriteHeader(status)
				rw.Write(answer)
			}))
			defer server.Close()
			source, err := NewHTTPSource(server.URL, HTTPOptions{HeaderTimeout: 200 * time.Millisecond, MaxWait: 200 * time.Millisecond, RateWindow: 200 * time.Millisecond})
			must(t, err)
			a, err := New(source, new(MemoryStore), w.options())
			must(t, err)
			begun := time.Now()
			found := false
			for range 2 { // the second begins where the first left off
				report, err := a.Round(context.Background())
				if err == nil {
					t.Error("it says that all was audited")
				}
				for _, f := range report.Findings {
					found = found || f.Name == ContentAltered
					if f.Name != ContentAltered {
						t.Errorf("found: %s", f)
					}
				}
			}
			if took := time.Since(begun); !found || took > 15*time.Second {
				t.Errorf("found %v after %v", found, took)
			}
		})
	}
}

// An answer that comes fast enough is read to its end.
func TestPacedBody(t *testing.T) {
	r, w := io.Pipe()
	go func() {
		for range 30 {
			io.WriteString(w, "0123456789")
			time.Sleep(10 * time.Millisecond)
		}
		w.Close()
	}()
	b := pace(r, func() {}, 10, 100*time.Millisecond)
	defer b.Close()
	if text, err := io.ReadAll(b); err != nil || len(text) != 300 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}
