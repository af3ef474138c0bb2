package admission_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/outbound"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// fetchingSetup is a registry that fetches, from loopback too.
func fetchingSetup(t *testing.T, o outbound.Options) *registrytest.Setup {
	s := registrytest.New(t)
	o.AllowHTTP, o.AllowPrivate = true, true
	s.Options.Admission.Fetcher, s.Options.Admission.RedactURL = outbound.New(o), outbound.Redacted
	s.Options.Admission.FetchTimeout = 20 * time.Second
	s.Renew()
	return s
}

// publishFrom posts a first record that releases content.
func publishFrom(a *registrytest.Author, text string, urls ...string) (registry.RecordStatus, error) {
	a.Head = ""
	envelope := a.Sign(a.Key, registrytest.Init(a.Key), registrytest.Release("1.0.0", text))
	return a.S.PublishFrom(context.Background(), a.Name.LogID(), a.Name, envelope, registry.SourceURLs{protocol.HashOf([]byte(text)): urls})
}

func mustPublishFrom(a *registrytest.Author, text string, urls ...string) registry.RecordStatus {
	a.S.T.Helper()
	status, err := publishFrom(a, text, urls...)
	a.S.Must(err)
	if status.State != registry.Processing || len(status.Missing) > 0 {
		a.S.T.Errorf("%s: %+v while it is fetched", a.Name, status)
	}
	return status
}

// sources is a server of sources that counts what it is asked.
type sources struct {
	*httptest.Server
	mux http.ServeMux

	mu    sync.Mutex
	asked []string // guarded by mu
}

func newSources(t *testing.T) *sources {
	s := &sources{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.URL.Path)
		s.mu.Unlock()
		s.mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	s.mux.HandleFunc("/good/{text}", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.PathValue("text")) })
	return s
}

func (s *sources) count(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(s.asked), func(p string) bool { return p != path }))
}

// Content is fetched once, also where the first sources fail, and the record is published.
func TestFetch(t *testing.T) {
	s, from := fetchingSetup(t, outbound.Options{}), newSources(t)
	s.Start()
	a := s.Author("example:a")
	status := mustPublishFrom(a, "one", from.URL+"/absent", from.URL+"/good/other", from.URL+"/good/one", from.URL+"/good/one?again")
	expectPublished(t, a, status.RecordID)
	if from.count("/absent") != 1 || from.count("/good/other") != 1 || from.count("/good/one") != 1 {
		t.Errorf("asked %q", from.asked)
	}
	b := s.Author("example:b")
	status, err := publishFrom(b, "one", from.URL+"/good/one") // it is here already
	s.Must(err)
	expectPublished(t, b, status.RecordID)
	if from.count("/good/one") != 1 {
		t.Errorf("asked %q", from.asked)
	}
	if urls, err := s.ContentSources(context.Background(), protocol.HashOf([]byte("one"))); err != nil || len(urls) > 0 {
		t.Errorf("sources %q, %v, where none are told", urls, err)
	}
	s.CheckPublished()
}

// Hostile sources: the record waits for an upload, says why, and takes the upload, or is
// fetched when it is posted again with a better source.
func TestFetchFromHostile(t *testing.T) {
	s, from := fetchingSetup(t, outbound.Options{Idle: time.Second, Grace: 200 * time.Millisecond, MinRate: 1 << 20}), newSources(t)
	hidden := "http://user:secret@" + strings.TrimPrefix(from.URL, "http://")
	forever := make([]byte, 32<<10)
	for path, serve := range map[string]http.HandlerFunc{
		"wrong":  func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "something else") },
		"part":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(206); io.WriteString(w, "part") },
		"absent": http.NotFound,
		"gzip": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.WriteString(z, "gzip")
			z.Close()
		},
		"endless": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(forever); err != nil {
					return
				}
			}
		},
		"short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "short")
		},
		"drip": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				io.WriteString(w, "d")
				w.(http.Flusher).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		},
		"silent": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"loop":   func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) },
		"user":   func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, hidden, http.StatusFound) },
		"file": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		},
	} {
		from.mux.HandleFunc("/"+path, serve)
	}
	s.Start()
	for path, want := range map[string]string{
		"wrong": "source 1: content digest `" + protocol.HashOf([]byte("something else")).String(), "part": "status 206", "absent": "status 404",
		"gzip": "another encoding", "endless": "1048576", "short": "its host failed", "drip": "too slowly", "silent": "sent nothing for too long",
		"loop": "redirects more than 5 times", "user": "user name or password", "file": "not one such as",
	} {
		a := s.Author("example:" + path)
		status := mustPublishFrom(a, path, from.URL+"/"+path+"?signature=secret")
		s.Eventually(path+" has failed", func() bool { return a.Status(status.RecordID).State == registry.Sourcing })
		digest := protocol.HashOf([]byte(path))
		status = a.Status(status.RecordID)
		if len(status.Missing) != 1 || status.Missing[0] != digest || !strings.Contains(status.Failures[digest], want) || strings.Contains(status.Failures[digest], "secret") {
			t.Errorf("%s: missing %v, for %q", path, status.Missing, status.Failures[digest])
		}
		if path == "wrong" || path == "gzip" {
			s.Must(a.Upload(status.RecordID, path))
			expectPublished(t, a, status.RecordID)
		}
	}
	// Posted again, with a source that is good.
	a := s.Author("example:again")
	envelope := a.Sign(a.Key, registrytest.Init(a.Key), registrytest.Release("1.0.0", "again"))
	post := func(path string) registry.RecordStatus {
		t.Helper()
		status, err := s.PublishFrom(context.Background(), a.Name.LogID(), a.Name, envelope, registry.SourceURLs{protocol.HashOf([]byte("again")): {from.URL + path}})
		s.Must(err)
		return status
	}
	first := post("/absent")
	s.Eventually("it has failed", func() bool { return a.Status(first.RecordID).State == registry.Sourcing })
	if second := post("/good/again"); second.State != registry.Processing {
		t.Errorf("posted again: %+v", second)
	}
	expectPublished(t, a, first.RecordID)
	s.CheckPublished()
}

// The content policy decides as for an upload.
func TestFetchAndPolicy(t *testing.T) {
	s, from := fetchingSetup(t, outbound.Options{}), newSources(t)
	s.Start()
	a := s.Author("example:a")
	status := mustPublishFrom(a, "bad content", from.URL+"/good/bad%20content")
	if got := a.Wait(status.RecordID); got.State != registry.Rejected || !strings.Contains(got.Reason, "it is bad") {
		t.Errorf("content that the policy refuses: %+v", got)
	}
}

// What is wrong with a post is refused, and nothing is stored or fetched.
func TestSourcesAreChecked(t *testing.T) {
	from := newSources(t)
	s := registrytest.New(t)
	a := s.Author("example:a")
	expect := func(want string, text string, urls ...string) {
		t.Helper()
		_, err := publishFrom(a, text, urls...)
		var invalid *registry.InvalidError
		var unknown *registry.LogNotFoundError
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", urls, err)
		}
		if _, err := s.RecordStatus(context.Background(), a.Name.LogID(), protocol.Hash{}); !errors.As(err, &unknown) {
			t.Errorf("%q: something is stored: %v", urls, err)
		}
	}
	expect("fetches no content", "a", from.URL)
	s.Options.Admission.Fetcher = outbound.New(outbound.Options{})
	s.Renew()
	expect("not an https one", "a", from.URL)
	expect("public address", "a", "https://10.0.0.1/a")
	expect("give 1 to 4", "a")
	expect("give 1 to 4", "a", slices.Repeat([]string{"https://example.com/a"}, 5)...)
	expect("source 2", "a", "https://example.com/a", "https://169.254.169.254/latest/meta-data")
	envelope := a.Sign(a.Key, registrytest.Init(a.Key), registrytest.Release("1.0.0", "a"))
	for want, sources := range map[string]registry.SourceURLs{
		"not required": {protocol.HashOf([]byte("b")): {"https://example.com/b"}},
		"too many": func() registry.SourceURLs {
			many := registry.SourceURLs{}
			for i := range 65 {
				many[protocol.HashOf([]byte(fmt.Sprint(i)))] = []string{"https://example.com/"}
			}
			return many
		}(),
	} {
		_, err := s.PublishFrom(context.Background(), a.Name.LogID(), a.Name, envelope, sources)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if len(from.asked) > 0 {
		t.Errorf("asked %q", from.asked)
	}
}

// One client has two contents fetched at a time, however many it names, and others go
// before the rest of its; and it may name so many.
func TestFetchesTakeTurns(t *testing.T) {
	s, from := fetchingSetup(t, outbound.Options{}), newSources(t)
	type client struct{}
	s.Options.Admission.ClientOf = func(ctx context.Context) string { name, _ := ctx.Value(client{}).(string); return name }
	s.Renew()
	var under, most atomic.Int32
	open := make(chan struct{})
	from.mux.HandleFunc("/held/{text}", func(w http.ResponseWriter, r *http.Request) {
		if n := under.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer under.Add(-1)
		select {
		case <-open:
			io.WriteString(w, r.PathValue("text"))
		case <-r.Context().Done():
		}
	})
	s.Start()
	greedy, modest := context.WithValue(context.Background(), client{}, "greedy"), context.WithValue(context.Background(), client{}, "modest")
	post := func(ctx context.Context, name, path string) (*registrytest.Author, registry.RecordStatus, error) {
		a := s.Author("example:" + name)
		envelope := a.Sign(a.Key, registrytest.Init(a.Key), registrytest.Release("1.0.0", name))
		status, err := s.PublishFrom(ctx, a.Name.LogID(), a.Name, envelope, registry.SourceURLs{protocol.HashOf([]byte(name)): {from.URL + path + name}})
		return a, status, err
	}
	authors, records := []*registrytest.Author{}, []registry.RecordStatus{}
	for i := range 64 {
		a, status, err := post(greedy, fmt.Sprintf("g%d", i), "/held/")
		s.Must(err)
		authors, records = append(authors, a), append(records, status)
	}
	var waiting *registry.WaitingError
	if _, _, err := post(greedy, "more", "/held/"); !errors.As(err, &waiting) || waiting.All {
		t.Errorf("one more than a client may: %v", err)
	}
	a, status, err := post(modest, "modest", "/good/")
	s.Must(err)
	expectPublished(t, a, status.RecordID)
	s.Eventually("two are fetched", func() bool { return under.Load() == 2 })
	close(open)
	for i, a := range authors {
		expectPublished(t, a, records[i].RecordID)
	}
	if most.Load() != 2 {
		t.Errorf("%d were fetched at a time", most.Load())
	}
}

// A process that stops while it fetches leaves the rest to the next; one that fetches
// nothing any more says so.
func TestFetchAfterRestart(t *testing.T) {
	s, from := fetchingSetup(t, outbound.Options{}), newSources(t)
	began := make(chan struct{}, 8)
	from.mux.HandleFunc("/held", func(_ http.ResponseWriter, r *http.Request) { began <- struct{}{}; <-r.Context().Done() })
	fetcher := s.Options.Admission.Fetcher
	s.Start()
	a, b := s.Author("example:a"), s.Author("example:b")
	first := mustPublishFrom(a, "held", from.URL+"/held")
	second := mustPublishFrom(b, "given", from.URL+"/held")
	<-began
	<-began
	s.Reopen()
	s.Options.Admission.Fetcher, s.Options.Admission.FetchTimeout = fetcher, 20*time.Second
	s.Renew()
	s.Start()
	<-began // before its lease would have ended
	<-began
	if status := a.Status(first.RecordID); status.State != registry.Processing {
		t.Errorf("while it is fetched again: %+v", status)
	}
	s.Must(b.Upload(second.RecordID, "given")) // whoever has it may send it meanwhile
	expectPublished(t, b, second.RecordID)
	s.Reopen()
	s.Start()
	s.Eventually("it is not fetched", func() bool { return a.Status(first.RecordID).State == registry.Sourcing })
	if reason := a.Status(first.RecordID).Failures[protocol.HashOf([]byte("held"))]; !strings.Contains(reason, "not fetch") && !strings.Contains(reason, "fetches no content") {
		t.Errorf("the reason is %q", reason)
	}
	s.Must(a.Upload(first.RecordID, "held"))
	expectPublished(t, a, first.RecordID)
	s.Eventually("nothing is to be fetched", func() bool {
		left := 0
		s.Must(s.Options.Store.View(context.Background(), func(tx *store.Tx) error {
			_, all, err := tx.CountFetches(store.WaitingClientOf(""))
			left = all
			return err
		}))
		return left == 0
	})
	s.CheckPublished()
}

// Where contents came from is told, without what gives access, and only where this
// registry has fetched it.
func TestLinkedSources(t *testing.T) {
	s, from := fetchingSetup(t, outbound.Options{}), newSources(t)
	s.Options.Admission.LinkSources = true
	s.Renew()
	s.Start()
	for i, path := range []string{"/good/linked", "/good/signed?signature=secret", "/absent"} {
		text := []string{"linked", "signed", "uploaded"}[i]
		a := s.Author("example:" + text)
		status := mustPublishFrom(a, text, from.URL+path)
		if text == "uploaded" {
			s.Must(a.Upload(status.RecordID, text))
		}
		expectPublished(t, a, status.RecordID)
		want := ""
		if text == "linked" {
			want = from.URL + path
			s.Eventually("its source is stored", func() bool {
				urls, _ := s.ContentSources(context.Background(), protocol.HashOf([]byte(text)))
				return len(urls) > 0
			})
		}
		urls, err := s.ContentSources(context.Background(), protocol.HashOf([]byte(text)))
		if err != nil || strings.Join(urls, " ") != want {
			t.Errorf("%s: %q, %v", text, urls, err)
		}
		if size, err := s.HasContent(context.Background(), protocol.HashOf([]byte(text))); err != nil || size != int64(len(text)) {
			t.Errorf("%s is kept, too: %d, %v", text, size, err)
		}
	}
}
