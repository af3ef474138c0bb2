package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func TestNewRefusesURLs(t *testing.T) {
	for url, want := range map[string]string{
		"registry.example.com":           "http",
		"ftp://registry.example.com":     "http",
		"https://":                       "host",
		"https://u:secret@example.com":   "user",
		"https://example.com?x=1":        "query",
		"https://u:secret@exam ple.com/": "can not be read",
	} {
		_, err := client.New(url, client.Options{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v; want something about %q", url, err, want)
		}
	}
	for url, want := range map[string]string{
		"https://example.com": "https://example.com/", "http://example.com/warg": "http://example.com/warg/", "http://example.com/warg/": "http://example.com/warg/",
	} {
		if c := newClient(t, url, client.Options{}); c.URL() != want {
			t.Errorf("%s became %s, want %s", url, c.URL(), want)
		}
	}
}

// The token goes to the registry, below the path of its URL, and to no place
// where content is.
func TestTokenAndUserAgent(t *testing.T) {
	content := []byte("elsewhere")
	digest := protocol.HashOf(content)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "" {
			t.Errorf("another host got %q", got)
		}
		w.Write(content)
	}))
	defer elsewhere.Close()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer a-token" {
			t.Errorf("the registry got the authorization %q", got)
		}
		if got := r.Header.Get("User-Agent"); got != "a-tool/1" {
			t.Errorf("the registry got the user agent %q", got)
		}
		if want := "/warg/" + api.ContentSourcesPath(digest); r.URL.Path != want {
			t.Errorf("asked for %s, want %s", r.URL.Path, want)
		}
		w.Write(api.ContentSourcesResponse{ContentSources: api.HashMap[[]api.ContentSource]{{
			Hash: digest.Any(), Value: []api.ContentSource{{URL: elsewhere.URL + "/file"}},
		}}}.AppendJSON(nil))
	})
	c := newClient(t, url+"/warg", client.Options{Token: "a-token", UserAgent: "a-tool/1"})
	if _, err := c.DownloadTo(t.Context(), digest, io.Discard); err != nil {
		t.Error(err)
	}
}

// failing answers all requests with a status and a body.
func failing(t *testing.T, status int, header, body string, count *atomic.Int32) string {
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		count.Add(1)
		if header != "" {
			w.Header().Set("Retry-After", header)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	})
}

// Errors of the API are found with errors.As, whatever else is answered is kept.
func TestAPIErrors(t *testing.T) {
	var count atomic.Int32
	id := protocol.HashOf().Any()
	missing := &api.FetchError{Variant: api.FetchLogNotFound, LogID: id}
	_, err := newClient(t, failing(t, 404, "", string(missing.AppendJSON(nil)), &count), client.Options{}).Checkpoint(t.Context())
	if got := as[*api.FetchError](t, err); got.Variant != api.FetchLogNotFound || got.LogID != id {
		t.Errorf("got %+v", got)
	}
	if got := as[*client.APIError](t, err); got.Status != 404 || got.Method != "GET" || !strings.HasSuffix(got.URL, api.FetchCheckpointPath) {
		t.Errorf("got %+v", got)
	}
	_, err = newClient(t, failing(t, 502, "", "<html>Bad gateway"+strings.Repeat("!", 100_000), &count), client.Options{}).Checkpoint(t.Context())
	if got := as[*api.MessageError](t, err); got.Code != 502 || !strings.HasPrefix(got.Message, "<html>Bad gateway!") || len(got.Message) > 300 {
		t.Errorf("got %+v", got)
	}
	if count.Load() != 2 {
		t.Errorf("%d requests, want 2", count.Load())
	}
}

// A request is not made again if that would take too long, or if nothing says
// when; the registry's wish is in the error.
func TestRetryBounds(t *testing.T) {
	for _, c := range []struct {
		status int
		header string
		wait   time.Duration // MaxWait
		want   time.Duration // RetryAfter
	}{
		{503, "3600", 0, time.Hour},
		{429, "99999999999999", 0, (1 << 31) * time.Second},
		{503, "1", -1, time.Second},
		{503, "", 0, 0},
		{503, "soon", 0, 0},
		{500, "1", 0, time.Second},
	} {
		var count atomic.Int32
		url := failing(t, c.status, c.header, "", &count)
		_, err := newClient(t, url, client.Options{MaxWait: c.wait}).Checkpoint(t.Context())
		if got := as[*client.APIError](t, err); got.RetryAfter != c.want || count.Load() != 1 {
			t.Errorf("%+v: retry after %v, %d requests", c, got.RetryAfter, count.Load())
		}
	}
	var count atomic.Int32
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	url := failing(t, 503, at.Format(http.TimeFormat), "", &count)
	_, err := newClient(t, url, client.Options{Now: func() time.Time { return at.Add(-time.Minute) }}).Checkpoint(t.Context())
	if got := as[*client.APIError](t, err); got.RetryAfter != time.Minute {
		t.Errorf("retry after %v, want a minute", got.RetryAfter)
	}
}

// What a registry refuses for a moment, and what breaks on the way, is asked
// again: every kind of request, uploads with their content.
func TestRetry(t *testing.T) {
	r := sharedRegistry(t)
	var refusals, breaks atomic.Int32
	seen := map[string]int{} // requests of this test come one after the other
	url := serve(t, func(w http.ResponseWriter, request *http.Request) {
		seen[request.Method+request.URL.Path]++
		switch seen[request.Method+request.URL.Path] {
		case 1:
			refusals.Add(1)
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			breaks.Add(1)
			io.CopyN(io.Discard, request.Body, 10)
			panic(http.ErrAbortHandler)
		default:
			r.handler.ServeHTTP(w, request)
		}
	})
	c, n, key := newClient(t, url, client.Options{}), name(t, "example:retry"), newKey(t)
	content, err := client.ContentOf(strings.NewReader("sent again"))
	if err != nil {
		t.Fatal(err)
	}
	publish(t, c, n, key, []client.Content{content}, client.Init(key.Public()), client.Release("1.0.0", content.Digest))
	if _, err := c.DownloadTo(t.Context(), content.Digest, io.Discard); err != nil {
		t.Error(err)
	}
	if refusals.Load() < 7 || breaks.Load() < 7 {
		t.Errorf("%d refusals and %d breaks, want some of each route", refusals.Load(), breaks.Load())
	}
}

func TestUnreachable(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := newClient(t, server.URL, client.Options{MaxWait: -1}).Checkpoint(t.Context())
	if got := as[*client.TransportError](t, err); got.Method != "GET" || got.URL != server.URL+"/"+api.FetchCheckpointPath {
		t.Errorf("got %+v", got)
	}
}

// Answers are bounded, and must be of the API. Neither is asked for again.
func TestBadAnswers(t *testing.T) {
	var count atomic.Int32
	for body, want := range map[string]error{"{}": client.ErrMalformed, strings.Repeat(" ", 1001): client.ErrTooLarge} {
		count.Store(0)
		url := failing(t, 200, "", body, &count)
		_, err := newClient(t, url, client.Options{MaxAnswer: 1000}).Checkpoint(t.Context())
		if as[*client.TransportError](t, err); !errors.Is(err, want) || count.Load() != 1 {
			t.Errorf("%d bytes: %v after %d requests; want %v", len(body), err, count.Load(), want)
		}
	}
}

// A context ends a call while it waits for the registry, between requests and
// between questions about a record.
func TestContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var count atomic.Int32
	refusing := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if count.Add(1) == 2 {
			cancel()
		}
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	if _, err := newClient(t, refusing, client.Options{}).Checkpoint(ctx); err == nil || ctx.Err() == nil {
		t.Errorf("refused: %v", err)
	}

	r := sharedRegistry(t)
	c, n, key := r.client(t, client.Options{}), name(t, "example:context"), newKey(t)
	draft, err := c.Draft(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	record, err := draft.Sign(key, client.Init(key.Public()), client.Release("1.0.0", protocol.HashOf([]byte("it never comes"))))
	if err != nil {
		t.Fatal(err)
	}
	as[*client.MissingContentError](t, c.Post(t.Context(), record))
	waiting, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	if _, err := c.Wait(waiting, record); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting ended with %v", err)
	}
}

// A registry may say where to upload; PUT is tried before POST, and others are not
// known.
func TestUploadPlaces(t *testing.T) {
	n, key, content := name(t, "example:places"), newKey(t), client.ContentOfBytes([]byte("to upload"))
	r := sharedRegistry(t)
	var uploaded string
	places := []api.UploadEndpoint{{Method: "PATCH", URL: "no"}}
	url := lie(t, r, func(path string, _, answer []byte) []byte {
		if !strings.HasSuffix(path, "/record") {
			return answer
		}
		said := decode[api.PackageRecord](t, answer)
		said.MissingContent[0].Value.Upload = places
		return said.AppendJSON(nil)
	})
	elsewhere := serve(t, func(w http.ResponseWriter, request *http.Request) {
		if request.Method != "POST" || request.Header.Get("Authorization") != "Bearer a-place" || request.Header.Get("X-Other") != "" || request.ContentLength != content.Size {
			t.Errorf("upload with %s, %v, %d bytes", request.Method, request.Header, request.ContentLength)
		}
		uploaded = string(readAll(t, request.Body))
		w.WriteHeader(http.StatusCreated)
	})
	c := newClient(t, url, client.Options{Token: "a-token"})
	draft, err := c.Draft(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	record, err := draft.Sign(key, client.Init(key.Public()), client.Release("1.0.0", content.Digest))
	if err != nil {
		t.Fatal(err)
	}
	as[*client.MissingContentError](t, c.Post(t.Context(), record, content))
	places = append(places, api.UploadEndpoint{Method: "PUT", URL: "no"}, api.UploadEndpoint{Method: "POST", URL: elsewhere + "/" + strconv.Itoa(1), Headers: []api.Header{{Name: "Authorization", Value: "Bearer a-place"}, {Name: "X-Other", Value: "x"}}})
	if err := c.Post(t.Context(), record, content); err != nil || uploaded != "to upload" {
		t.Errorf("uploaded %q, %v", uploaded, err)
	}
}
