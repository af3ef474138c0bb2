package integration

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// contentHost is where authors have their content: at any path, with any content. It
// holds back answers until it is opened.
type contentHost struct {
	*httptest.Server
	content []byte
	asked   atomic.Int32
	opened  atomic.Bool
}

func startContentHost(t *testing.T, content []byte) *contentHost {
	h := &contentHost{content: content}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.asked.Add(1)
		for !h.opened.Load() && r.Context().Err() == nil {
			time.Sleep(retryDelay)
		}
		w.Write(h.content)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *contentHost) awaitAsked(t *testing.T, times int32) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); h.asked.Load() < times; time.Sleep(retryDelay) {
		if time.Now().After(deadline) {
			t.Fatalf("the source was asked %d times, want %d", h.asked.Load(), times)
		}
	}
}

// releaseFrom signs the first record of a package, a release with content that is
// elsewhere.
func (a *author) releaseFrom(t *testing.T, content []byte, urls ...string) *signedRecord {
	t.Helper()
	r := a.sign(content, protocol.PackageEntry{Type: protocol.EntryInit, Key: a.key.Public()}, a.releaseEntry(content))
	var request api.PublishRecordRequest
	if err := request.UnmarshalJSON(r.body); err != nil {
		t.Fatal(err)
	}
	var sources []api.ContentSource
	for _, url := range urls {
		sources = append(sources, api.ContentSource{URL: url})
	}
	request.ContentSources = api.HashMap[[]api.ContentSource]{{Hash: protocol.HashOf(content).Any(), Value: sources}}
	r.body = request.AppendJSON(nil)
	return r
}

// sources returns where the registry says that a content is.
func (s *server) sources(t *testing.T, content []byte) []api.ContentSource {
	t.Helper()
	var answer api.ContentSourcesResponse
	s.mustAsk(t, http.MethodGet, "/"+api.ContentSourcesPath(protocol.HashOf(content)), nil, &answer)
	return answer.ContentSources[0].Value
}

// TestContentSources publishes content that the server fetches itself.
func TestContentSources(t *testing.T) {
	t.Parallel()
	content := module("fetched from elsewhere")
	host := startContentHost(t, content)
	host.opened.Store(true)
	for _, mode := range []string{"copy", "link"} {
		t.Run(mode, func(t *testing.T) {
			s := startServer(t, "--content-sources", mode, "--allow-private-sources", "--allow-http-sources")
			before := host.asked.Load()
			r := newAuthor(t, "example:fetched").releaseFrom(t, content, host.URL+"/content")
			s.mustSend(t, r)
			s.waitPublished(t, r)
			if n := host.asked.Load() - before; n != 1 {
				t.Errorf("the source was asked %d times", n)
			}
			sources := s.sources(t, content)
			for deadline := time.Now().Add(10 * time.Second); mode == "link" && len(sources) < 2 && time.Now().Before(deadline); time.Sleep(retryDelay) {
				sources = s.sources(t, content)
			}
			want := []string{s.url + "/content/" + strings.Replace(protocol.HashOf(content).String(), ":", "-", 1)}
			if mode == "link" {
				want = append(want, host.URL+"/content")
			}
			var got []string
			for _, source := range sources {
				got = append(got, source.URL)
				if source.Size == nil || *source.Size != uint64(len(content)) {
					t.Errorf("%s has another size than %d", source.URL, len(content))
				}
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("sources %q, want %q", got, want)
			}
			if status, answer := s.ask(t, http.MethodGet, strings.TrimPrefix(want[0], s.url), nil); status != http.StatusOK || string(answer) != string(content) {
				t.Errorf("downloading: status %d, %d bytes", status, len(answer))
			}
			if c := newReader(t, s); !bytes.Equal(c.download("example:fetched"), content) {
				t.Error("the official client downloads something else")
			}
			s.audit(t, []*signedRecord{r})
		})
	}
}

// TestContentSourcesAndPolicy: the content policy rejects what was fetched, as it does
// uploads.
func TestContentSourcesAndPolicy(t *testing.T) {
	t.Parallel()
	host := startContentHost(t, []byte("no WebAssembly"))
	host.opened.Store(true)
	s := startServer(t, "--content-sources=copy", "--allow-private-sources", "--allow-http-sources")
	r := newAuthor(t, "example:bad").releaseFrom(t, host.content, host.URL)
	s.mustSend(t, r)
	state := s.recordState(t, r.pkg.String(), r.id.String())
	for deadline := time.Now().Add(30 * time.Second); state.State == string(api.StateProcessing) && time.Now().Before(deadline); time.Sleep(retryDelay) {
		state = s.recordState(t, r.pkg.String(), r.id.String())
	}
	if state.State != string(api.StateRejected) || !strings.Contains(state.Reason, "rejected by policy") {
		t.Errorf("the record is %s (%s)", state.State, state.Reason)
	}
}

// TestContentSourcesRefused: without settings nothing is fetched, and with them nothing
// private.
func TestContentSourcesRefused(t *testing.T) {
	t.Parallel()
	host := startContentHost(t, module("private"))
	_, port, _ := strings.Cut(strings.TrimPrefix(host.URL, "http://"), ":")
	refuses, copies := startServer(t), startServer(t, "--content-sources=copy")
	for _, c := range []struct {
		server *server
		url    string
		status int
		says   string
	}{
		{refuses, "https://example.com/a", 501, "not supported"},
		{copies, host.URL, 400, "not an https one"},
		{copies, "https://127.0.0.1/", 400, "public address"},
		{copies, "https://127.0.0.1:" + port + "/", 400, "another port"},
		{copies, "https://169.254.169.254/latest/meta-data/", 400, "public address"},
	} {
		r := newAuthor(t, "example:private").releaseFrom(t, host.content, c.url)
		if status, answer := c.server.send(t, r); status != c.status || !strings.Contains(string(answer), c.says) {
			t.Errorf("%s: status %d: %s", c.url, status, answer)
		}
		if status, _ := c.server.ask(t, http.MethodGet, r.path(), nil); status != http.StatusNotFound {
			t.Errorf("%s: a refused record has status %d", c.url, status)
		}
	}
	if host.asked.Load() > 0 {
		t.Error("the private host was asked")
	}
}

// TestContentSourcesAfterKill: a fetch under way when the server is killed is begun again.
func TestContentSourcesAfterKill(t *testing.T) {
	t.Parallel()
	content := module("fetched twice")
	host := startContentHost(t, content)
	s := startServer(t, "--content-sources=copy", "--allow-private-sources", "--allow-http-sources")
	r := newAuthor(t, "example:killed").releaseFrom(t, content, host.URL)
	s.mustSend(t, r)
	host.awaitAsked(t, 1)
	s.kill(t)
	s.start(t)
	host.awaitAsked(t, 2)
	host.opened.Store(true)
	s.waitPublished(t, r)
	s.audit(t, []*signedRecord{r})
}

// TestStackContentSources: of two processes one fetches a content, and when it is killed
// the other one does.
func TestStackContentSources(t *testing.T) {
	for _, name := range []string{"CONTENT_SOURCES=copy", "ALLOW_PRIVATE_SOURCES=true", "ALLOW_HTTP_SOURCES=true"} {
		setting, value, _ := strings.Cut(name, "=")
		t.Setenv("WARG_"+setting, value)
	}
	c := startCluster(t, 2)
	const packages = 4
	var hosts []*contentHost
	var records []*signedRecord
	for i := range packages {
		content := module(fmt.Sprint("fetched by one of two ", i))
		host := startContentHost(t, content)
		r := newAuthor(t, fmt.Sprintf("example:fetched-%c", 'a'+i)).releaseFrom(t, content, host.URL)
		c.members[i%2].mustSend(t, r)
		host.awaitAsked(t, 1)
		hosts, records = append(hosts, host), append(records, r)
	}
	c.members[0].kill(t)
	for _, host := range hosts {
		host.opened.Store(true)
	}
	c.members[1].waitPublished(t, records...)
	for i, host := range hosts {
		if n := host.asked.Load(); n > 2 {
			t.Errorf("source %d was asked %d times", i, n)
		}
	}
	c.members[0].start(t)
	c.members[0].waitPublished(t, records...)
}
