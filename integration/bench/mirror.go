package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	// mirrorRounds is how often reads of the upstream and of its mirror are measured, in turn.
	mirrorRounds = 3
	// mirrorCatchUp is when a mirror that has not caught up is given up.
	mirrorCatchUp = 10 * time.Minute
	// mirrorIdle is how long an idle upstream is watched.
	mirrorIdle = 30 * time.Second
)

// upstreamFront stands before an upstream, counts what it is asked, and may hide its static
// files.
type upstreamFront struct {
	*httptest.Server
	requests atomic.Int64
}

func newFront(target string, files bool) (*upstreamFront, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	f := new(upstreamFront)
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.requests.Add(1)
		if !files && strings.HasPrefix(r.URL.Path, "/tlog/") {
			http.NotFound(w, r)
			return
		}
		// Else an answer that comes between the last byte of a body and its end has the
		// server above close the body, which the proxy takes for a broken request: it closes the
		// connection while it reads the answer ("use of closed network connection").
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	return f, nil
}

// measureMirror measures how fast a mirror catches up, by bundles and by the v1 API, how
// fast it serves beside its upstream, and how often an idle upstream is asked.
func measureMirror(ctx context.Context, s *settings, t *table) error {
	srv, data, err := s.newServer(ctx, "mirrored")
	if err != nil {
		return err
	}
	defer srv.stop()
	reads, err := s.newReads(ctx, srv.client, s.mirrored)
	if err != nil {
		return err
	}
	key, err := operatorKeyOf(data)
	if err != nil {
		return err
	}
	for _, way := range []struct {
		name  string
		files bool
	}{{"bundles", true}, {"the v1 API", false}} {
		if err := s.measureMirrorBy(ctx, srv, reads, key, way.name, way.files, t); err != nil {
			return fmt.Errorf("by %s: %w", way.name, err)
		}
	}
	return nil
}

// operatorKeyOf is the public key of a registry that made its key.
func operatorKeyOf(data string) (string, error) {
	text, err := os.ReadFile(filepath.Join(data, "operator.key"))
	if err != nil {
		return "", err
	}
	key, err := protocol.ParsePrivateKey(strings.TrimSpace(string(text)))
	return key.Public().String(), err
}

func (s *settings) measureMirrorBy(ctx context.Context, srv *server, r *reads, key, name string, files bool, t *table) error {
	front, err := newFront(srv.base, files)
	if err != nil {
		return err
	}
	defer front.Close()
	domain := strings.TrimPrefix(front.URL, "http://")
	registries := filepath.Join(s.dir, "registries.yaml")
	text := fmt.Sprintf("registries:\n- domain: %s\n  url: %s\n  operator-key: %s\n  mode: mirror\n  content: on-use\n  allow-private: true\n", domain, front.URL, key)
	if err := os.WriteFile(registries, []byte(text), 0o600); err != nil {
		return err
	}
	begun := time.Now()
	home, data, err := s.newServer(ctx, "mirror", "--registries-file", registries)
	if err != nil {
		return err
	}
	defer home.stop()
	if err := s.measureMirrorAt(ctx, srv, home, front, begun, r, name, t); err != nil {
		said, _ := os.ReadFile(data + ".log")
		return fmt.Errorf("%w; the mirror said: %s", err, said[max(0, len(said)-2000):])
	}
	return nil
}

// measureMirrorAt measures a mirror that has just begun.
func (s *settings) measureMirrorAt(ctx context.Context, srv, home *server, front *upstreamFront, begun time.Time, r *reads, name string, t *table) error {
	domain := strings.TrimPrefix(front.URL, "http://")
	copied := &client{base: home.base + "registries/" + domain + "/", http: home.http}
	want := r.length.Load()
	for {
		c, err := copied.checkpoint(ctx)
		if err == nil && c.Contents.LogLength >= want {
			break
		}
		if ctx.Err() != nil || time.Since(begun) > mirrorCatchUp {
			return fmt.Errorf("it has not caught up: %d records, %w", c.Contents.LogLength, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	took := time.Since(begun)
	_, most, err := home.resident()
	if err != nil {
		return err
	}
	t.add(fmt.Sprintf("mirror of %d records from nothing, by %s", want, name), "60 s", "%.1f s, %d MiB at most", took.Seconds(), most>>10)

	if err := s.measureMirrorReads(ctx, srv, home, domain, r, name, t); err != nil {
		return err
	}
	before, start := front.requests.Load(), time.Now()
	time.Sleep(mirrorIdle)
	t.add("requests to an idle upstream, "+name, "1 in 10 s", "%d in %.0f s", front.requests.Load()-before, time.Since(start).Seconds())
	return nil
}

// measureMirrorReads measures what a mirror serves beside its upstream: each in turn, so that
// what else the machine does meets both, and after a round that fills what they keep.
func (s *settings) measureMirrorReads(ctx context.Context, srv, home *server, domain string, r *reads, name string, t *table) error {
	at := func(kind func([]byte) (string, []byte)) func([]byte) (string, []byte) {
		return func(b []byte) (string, []byte) {
			path, body := kind(b)
			return "registries/" + domain + "/" + path, body
		}
	}
	var own, mirrored servedReads
	for round := range 1 + mirrorRounds {
		if round == 1 {
			own, mirrored = servedReads{}, servedReads{}
		}
		if err := own.measure(ctx, s, srv, r, r.logs, r.inclusion); err != nil {
			return err
		}
		if err := mirrored.measure(ctx, s, home, r, at(r.logs), at(r.inclusion)); err != nil {
			return err
		}
	}
	t.add("reads of the mirror against those of its upstream, "+name, "the same", "%s, %s: %.2f times as many",
		&mirrored, &own, median(mirrored.perSecond)/median(own.perSecond))
	return nil
}

// servedReads are rounds of reads that a server has served.
type servedReads struct {
	perSecond []float64
	requests  int
	processor time.Duration // that the server took for them
}

func (v *servedReads) measure(ctx context.Context, s *settings, srv *server, r *reads, kinds ...func([]byte) (string, []byte)) error {
	before, err := srv.cpuTime()
	if err != nil {
		return err
	}
	result, err := r.run(ctx, srv.client, fewConnections, s.readTime(), kinds...)
	if err != nil {
		return err
	}
	after, err := srv.cpuTime()
	v.perSecond = append(v.perSecond, result.perSecond)
	v.requests += len(result.took)
	v.processor += after - before
	return err
}

func (v *servedReads) String() string {
	return fmt.Sprintf("%.0f/s (%d us of a processor each)", median(v.perSecond), v.processor.Microseconds()/int64(v.requests))
}
