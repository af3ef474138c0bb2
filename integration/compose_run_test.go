package integration

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// takeover is how long publishing may pause when the leader dies.
const takeover = 5 * time.Second

// forgiven is how long the proxy may leave a personality out that is back:
// fail_duration and health_interval of the Caddyfile. A post in that time, while
// the other one dies, is answered with 502.
const forgiven = 2 * time.Second

// TestComposeStack runs the stack from empty volumes, uses it as people do, takes
// parts away from it, and runs it again from full volumes.
func TestComposeStack(t *testing.T) {
	s := startStack(t)
	proxy := &server{url: s.url("proxy", 8080)}
	author := newPublisher(t, proxy)
	author.release("example:hello", "1.0.0", emptyComponent())
	if !bytes.Equal(newReader(t, proxy).download("example:hello"), emptyComponent()) {
		t.Error("the content downloaded is not that published")
	}
	t.Run("watched", func(t *testing.T) { checkWatched(t, s) })
	t.Run("personalities die", func(t *testing.T) { checkFailover(t, s, author) })
	t.Run("Trillian is away", func(t *testing.T) { checkReadsGoOn(t, s, author) })

	length, key := proxy.logLength(t), proxy.operatorKey(t)
	s.down(t)
	if running := s.runs(); len(running) > 0 {
		t.Fatalf("after stopping all, %q run", running)
	}
	s.up(t)
	if got := proxy.logLength(t); got != length {
		t.Errorf("from full volumes, the log has %d records, want %d", got, length)
	}
	if got := proxy.operatorKey(t); got != key {
		t.Errorf("from full volumes, checkpoints are signed by %s, want %s", got, key)
	}
	author.release("example:hello", "1.9.0", module("again"))
	reader := newReader(t, proxy)
	if !bytes.Equal(reader.download("example:hello", "1.0.0"), emptyComponent()) || !bytes.Equal(reader.download("example:hello"), module("again")) {
		t.Error("from full volumes, the content downloaded is not that published")
	}
}

// operatorKey is the id of the key that signed the newest checkpoint.
func (s *server) operatorKey(t *testing.T) string {
	t.Helper()
	var checkpoint struct{ KeyID string }
	s.mustAsk(t, http.MethodGet, "/v1/fetch/checkpoint", nil, &checkpoint)
	if checkpoint.KeyID == "" {
		t.Fatal("the checkpoint has no key id")
	}
	return checkpoint.KeyID
}

// checkFailover kills each personality, the leader first: the proxy sends people
// to the other, which reads at once and publishes soon.
func checkFailover(t *testing.T, s *stack, author *client) {
	proxy := &server{url: s.url("proxy", 8080)}
	names := []string{"personality-1", "personality-2"}
	leader := one(t, names, func(name string) bool {
		_, metrics := (&server{url: s.url(name, 9090)}).ask(t, http.MethodGet, "/metrics", nil)
		return strings.Contains(string(metrics), "\nwarg_leader 1\n")
	})
	other := one(t, names, func(name string) bool { return name != leader })
	for i, name := range []string{leader, other} {
		s.containers[name].kill(t)
		begin := time.Now()
		for range 20 {
			if status, said := proxy.ask(t, http.MethodGet, "/v1/fetch/checkpoint", nil); status != http.StatusOK {
				t.Fatalf("%v after %s was killed, a read has status %d: %s", time.Since(begin), name, status, said)
			}
		}
		author.release("example:hello", "1.1."+string(rune('0'+i)), module(name))
		if took := time.Since(begin); took > takeover+2*time.Second { // what the client does takes time, too
			t.Errorf("%s was killed, and it took %v to publish", name, took)
		}
		s.up(t) // as Docker does
		time.Sleep(forgiven)
	}
}

// checkReadsGoOn takes the log server away: no personality is ready then, and
// the proxy serves what they still have.
func checkReadsGoOn(t *testing.T, s *stack, author *client) {
	proxy := &server{url: s.url("proxy", 8080)}
	s.containers["trillian-log-server"].kill(t)
	within(t, 15*time.Second, "no personality is ready", func() bool {
		status, _ := proxy.ask(t, http.MethodGet, "/readyz", nil)
		return status == http.StatusServiceUnavailable
	})
	for begin := time.Now(); time.Since(begin) < 3*time.Second; time.Sleep(50 * time.Millisecond) {
		if status, said := proxy.ask(t, http.MethodGet, "/v1/fetch/checkpoint", nil); status != http.StatusOK {
			t.Fatalf("without Trillian, a read has status %d: %s", status, said)
		}
	}
	s.up(t)
	author.release("example:hello", "1.2.0", module("back"))
}

// within waits until something is so.
func within(t *testing.T, patience time.Duration, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !is() {
		select {
		case <-ctx.Done():
			t.Fatalf("not so after %v: %s", patience, what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
