package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// registry is a registry that runs in this process.
type registry struct {
	url  string
	key  protocol.PrivateKey // the operator's
	stop func() error
}

func openRegistry() (_ *registry, err error) {
	data, err := os.MkdirTemp("", "warg-agent-")
	if err != nil {
		return nil, err
	}
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		return nil, err
	}
	server, err := personality.Open(context.Background(), personality.Options{
		DataDir: data, OperatorKeys: []protocol.Signer{key}, Logger: slog.New(slog.DiscardHandler),
		Database: store.SQLite{File: filepath.Join(data, "registry.db")}, Trillian: personality.EmbeddedTrillian{Dir: data},
		Namespaces: admission.Namespaces{
			Defined:  []string{"example"},
			Imported: []admission.ImportedNamespace{{Namespace: "elsewhere", Registry: "registry.example.org"}},
		},
		Content:   content.Options{Dir: filepath.Join(data, "content"), Policy: content.PolicyNone, MaxSize: 16 << 20},
		Admission: admission.Options{UploadTimeout: time.Hour},
		Publisher: publisher.Options{CheckpointInterval: time.Millisecond},
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(data))
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- server.Run(ctx) }()
	web := httptest.NewServer(server.Handler())
	stop := func() error {
		web.Close()
		cancel()
		return errors.Join(<-ran, server.Close(), os.RemoveAll(data))
	}
	for server.Ready(ctx) != nil {
		select {
		case err := <-ran:
			ran <- err
			return nil, errors.Join(err, stop())
		case <-time.After(time.Millisecond):
		}
	}
	return &registry{url: web.URL, key: key, stop: stop}, nil
}

// shared is the registry of all tests; each uses packages of its own.
var shared = sync.OnceValues(openRegistry)

func TestMain(m *testing.M) {
	code := m.Run()
	if r, err := shared(); err == nil {
		if err := r.stop(); err != nil {
			slog.Error("stop the registry", "error", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// tested is an agent that is asked over HTTP.
type tested struct {
	*Agent
	url    string
	key    protocol.PrivateKey
	client *client.Client // of the registry, pinned
	logged *lines
}

type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start starts an agent of the shared registry, or of that at the URL.
func start(t *testing.T, url string, change func(*Options)) *tested {
	t.Helper()
	r, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	if url == "" {
		url = r.url
	}
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	a := &tested{key: key, logged: new(lines)}
	if a.client, err = client.New(url, client.Options{OperatorKey: r.key.Public()}); err != nil {
		t.Fatal(err)
	}
	o := Options{Registry: a.client, Signer: key, Dir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(a.logged, nil))}
	if change != nil {
		change(&o)
	}
	if a.Agent, err = New(o); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(a.Handler())
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

// answer is what was answered to a request.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request; headers are pairs of a name and a value.
func (a *tested) do(t *testing.T, method, path string, body []byte, headers ...string) answer {
	t.Helper()
	if !strings.Contains(path, "://") {
		path = a.url + path
	}
	r, err := http.NewRequestWithContext(t.Context(), method, path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{response.StatusCode, response.Header, string(got)}
}

// want demands a status, and a text in the body.
func (a answer) want(t *testing.T, status int, text string) answer {
	t.Helper()
	if a.status != status || !strings.Contains(a.body, text) {
		t.Fatalf("status %d, %s; want %d and %q", a.status, a.body, status, text)
	}
	return a
}

// digestOf is the digest of data as OCI writes it.
func digestOf(data []byte) string { return protocol.HashOf(data).String() }

// push uploads a content in chunks of a size, as wkg does, and returns its digest.
func (a *tested) push(t *testing.T, repo string, data []byte, chunk int) string {
	t.Helper()
	at := a.do(t, "POST", "/v2/"+repo+"/blobs/uploads/", nil).want(t, 202, "").header.Get("Location")
	for from := 0; from < len(data); from += chunk {
		to := min(from+chunk, len(data))
		at = a.chunk(t, at, data, from, to).want(t, 202, "").header.Get("Location")
	}
	a.do(t, "PUT", at+"?digest="+digestOf(data), nil).want(t, 201, "")
	return digestOf(data)
}

func (a *tested) chunk(t *testing.T, at string, data []byte, from, to int) answer {
	t.Helper()
	return a.do(t, "PATCH", at, data[from:to], "Content-Range", fmt.Sprintf("%d-%d", from, to-1), "Content-Type", "application/octet-stream")
}

const manifestType = "application/vnd.oci.image.manifest.v1+json"

// manifestOf is a manifest as wkg pushes it.
func manifestOf(layer string, size int, version string) []byte {
	return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.wasm.config.v0+json","digest":%q,"size":2},`+
		`"layers":[{"mediaType":"application/wasm","digest":%q,"size":%d}],"annotations":{"org.opencontainers.image.version":%q,"org.opencontainers.image.authors":"me"}}`,
		manifestType, digestOf([]byte("{}")), layer, size, version)
}

// publish pushes a content and the manifest that releases it.
func (a *tested) publish(t *testing.T, repo, version string, data []byte) answer {
	t.Helper()
	digest := a.push(t, repo, data, 4<<20)
	return a.do(t, "PUT", "/v2/"+repo+"/manifests/"+version, manifestOf(digest, len(data), version), "Content-Type", manifestType)
}

func packageName(t *testing.T, text string) protocol.PackageName {
	t.Helper()
	n, err := protocol.ParsePackageName(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
