package client_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// A registry that does not answer, or a byte at a time, ends a call, once. One that
// keeps sending does not.
func TestIdle(t *testing.T) {
	content := make([]byte, 8<<10)
	digest := protocol.HashOf(content)
	for _, c := range []struct {
		what         string
		first, pause time.Duration
		step         int // bytes between pauses
		want         error
	}{
		{"silent", time.Hour, 0, 1, client.ErrIdle},
		{"drop by drop", 0, 30 * time.Millisecond, 1, client.ErrIdle},
		{"steady", 0, 50 * time.Millisecond, 1 << 10, nil},
	} {
		var asked atomic.Int32
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			wait := func(d time.Duration) {
				select {
				case <-r.Context().Done():
				case <-time.After(d):
				}
			}
			if r.URL.Path != "/content" {
				w.Write(api.ContentSourcesResponse{ContentSources: api.HashMap[[]api.ContentSource]{{
					Hash: digest.Any(), Value: []api.ContentSource{{URL: "content"}},
				}}}.AppendJSON(nil))
				return
			}
			asked.Add(1)
			wait(c.first)
			for at := 0; at < len(content) && r.Context().Err() == nil; at += c.step {
				w.Write(content[at : at+c.step])
				w.(http.Flusher).Flush()
				wait(c.pause)
			}
		})
		began := time.Now()
		_, err := newClient(t, url, client.Options{MaxIdle: 300 * time.Millisecond}).DownloadTo(t.Context(), digest, io.Discard)
		if !errors.Is(err, c.want) || asked.Load() != 1 || time.Since(began) > 10*time.Second {
			t.Errorf("%s: %v after %v and %d requests, want %v", c.what, err, time.Since(began), asked.Load(), c.want)
		}
		if c.want != nil {
			as[*client.TransportError](t, err)
		}
	}
}

// A redirection takes the token to no other port of the registry's host.
func TestRedirectWithoutToken(t *testing.T) {
	var got atomic.Pointer[string]
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		said := r.Header.Get("Authorization")
		got.Store(&said)
		http.NotFound(w, r)
	}))
	defer other.Close()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer a-token" {
			t.Error("the registry did not get the token")
		}
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	_, err := newClient(t, url, client.Options{Token: "a-token"}).Checkpoint(t.Context())
	as[*client.APIError](t, err)
	if said := got.Load(); said == nil || *said != "" {
		t.Errorf("the other port got %v", said)
	}
}

// Content without TLS from another machine is refused, also by way of a redirection.
func TestPlainContent(t *testing.T) {
	digest := protocol.HashOf([]byte("x"))
	for _, source := range []string{"http://192.0.2.1/content", "moved"} {
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/moved" {
				http.Redirect(w, r, "http://192.0.2.1/content", http.StatusFound)
				return
			}
			w.Write(api.ContentSourcesResponse{ContentSources: api.HashMap[[]api.ContentSource]{{
				Hash: digest.Any(), Value: []api.ContentSource{{URL: source}},
			}}}.AppendJSON(nil))
		})
		_, err := newClient(t, url, client.Options{MaxIdle: 5 * time.Second}).DownloadTo(t.Context(), digest, io.Discard)
		if !errors.Is(err, client.ErrPlainHTTP) {
			t.Errorf("%s: %v", source, err)
		}
	}
}
