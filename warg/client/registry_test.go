package client_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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

// registry is a registry that runs in this process, with its operator's key.
type registry struct {
	key     protocol.PrivateKey
	handler http.Handler
	url     string
	stop    func() error
}

func openRegistry() (_ *registry, err error) {
	data, err := os.MkdirTemp("", "warg-client-")
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
			Defined:  []string{"example", "other"},
			Imported: []admission.ImportedNamespace{{Namespace: "elsewhere", Registry: "registry.example.org"}},
		},
		Content:   content.Options{Dir: filepath.Join(data, "content"), Policy: content.PolicyNone, MaxSize: 1 << 20},
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
	return &registry{key: key, handler: server.Handler(), url: web.URL, stop: stop}, nil
}

// shared is the registry of all tests and examples that do not need one of
// their own; each uses packages of its own.
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

func sharedRegistry(t *testing.T) *registry {
	t.Helper()
	r, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// client returns a client of the registry that pins its operator's key.
func (r *registry) client(t *testing.T, o client.Options) *client.Client {
	t.Helper()
	o.OperatorKey = r.key.Public()
	return newClient(t, r.url, o)
}

func newClient(t *testing.T, url string, o client.Options) *client.Client {
	t.Helper()
	c, err := client.New(url, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newKey(t *testing.T) protocol.PrivateKey {
	t.Helper()
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func name(t *testing.T, text string) protocol.PackageName {
	t.Helper()
	n, err := protocol.ParsePackageName(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// publish publishes a record, which must succeed.
func publish(t *testing.T, c *client.Client, n protocol.PackageName, key protocol.PrivateKey, contents []client.Content, entries ...protocol.PackageEntry) *client.Package {
	t.Helper()
	p, err := c.Publish(t.Context(), n, key, contents, entries...)
	if err != nil {
		t.Fatalf("publish a record of %s: %v", n, err)
	}
	return p
}

// as returns the error of type E in err's tree, or fails.
func as[E error](t *testing.T, err error) E {
	t.Helper()
	var target E
	if !errors.As(err, &target) {
		t.Fatalf("error is %v (%T), want a %T", err, err, target)
	}
	return target
}
