package integration

import (
	"bytes"
	"context"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// takeover is when these tests give up waiting for another leader. How long it
// takes, some 3 s, is for the benchmark to say: a test machine may be busy.
const takeover = 30 * time.Second

// forgiven is how long the proxy may leave a personality out that is back:
// fail_duration and health_interval of the Caddyfile. A post in that time, while
// the other one dies, is answered with 502.
const forgiven = 2 * time.Second

// TestComposeStack runs the stack from empty volumes, uses it as people do, takes
// parts away from it, and runs it again from full volumes.
func TestComposeStack(t *testing.T) {
	s := newStack(t)
	s.up(t)
	proxy := &server{url: s.url("proxy", 8080)}
	author := newPublisher(t, proxy)
	author.release("example:hello", "1.0.0", emptyComponent())
	if !bytes.Equal(newReader(t, proxy).download("example:hello"), emptyComponent()) {
		t.Error("the content downloaded is not that published")
	}
	t.Run("witness", func(t *testing.T) { checkWitness(t, s, author) })
	t.Run("watched", func(t *testing.T) { checkWatched(t, s) })
	t.Run("personalities die", func(t *testing.T) { checkFailover(t, s, author) })
	t.Run("Trillian is away", func(t *testing.T) { checkReadsGoOn(t, s, author) })
	t.Run("rebuild", func(t *testing.T) { checkRebuild(t, s) })

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
	s.awaitCosigned(t)
}

// What a program does not know must end it, or else a mistake in the file would
// not show above.
func TestComposeRefusedFlags(t *testing.T) {
	s := newStack(t)
	for name, c := range s.containers {
		if isJob(c.service) || slices.Contains(notPackaged, name) {
			continue
		}
		argv := append(slices.Concat(c.service.Entrypoint, c.service.Command), "--no-such-flag=1")
		if name == "mariadb" {
			argv = c.asMariaDBImage(t, argv)
		}
		process := c.command(t, argv...)
		timer := time.AfterFunc(startTimeout, func() { process.Process.Kill() })
		err := process.Run()
		if !timer.Stop() || err == nil || !strings.Contains(c.output.String(), "no-such-flag") {
			t.Errorf("service %s took --no-such-flag: %v\n%s", name, err, c.output)
		}
	}
}

// The personalities' variables are all ones that the server knows: it ignores
// others.
func TestComposeVariables(t *testing.T) {
	help, err := exec.Command(command(t, "warg-personality"), "serve", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, service := range loadCompose(t).Services {
		if !slices.Contains(service.Command, "serve") {
			continue
		}
		for name := range service.Environment {
			n++
			if !regexp.MustCompile(`\b` + name + `\b`).Match(help) {
				t.Errorf("service %s sets %s, which the server does not read", service.Name, name)
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d variables are set", n)
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
	within(t, 30*time.Second, "no personality is ready", func() bool {
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

// checkRebuild loses the registry's database and makes it again as
// docs/operations.md says.
func checkRebuild(t *testing.T, s *stack) {
	proxy := &server{url: s.url("proxy", 8080)}
	length := proxy.logLength(t)
	personality := s.containers["personality-1"]
	trees := regexp.MustCompile(`"records_tree":(\d+),"checkpoints_tree":(\d+)`).FindStringSubmatch(personality.output.String())
	if trees == nil {
		t.Fatalf("the personality does not log its trees:\n%s", personality.output)
	}
	for _, name := range []string{"personality-1", "personality-2"} {
		s.containers[name].stop(t)
	}
	drop := s.containers["schema"].command(t, "sh", "-c", `mariadb --protocol=tcp --host="$MARIADB_HOST" --user=root --execute='DROP DATABASE warg'`)
	if err := drop.Run(); err != nil {
		t.Fatalf("%v\n%s", err, s.containers["schema"].output)
	}
	s.containers["schema"].begin(t)
	rebuild := personality.command(t, "warg-personality", "rebuild", "--records-tree", trees[1], "--checkpoints-tree", trees[2])
	if err := rebuild.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", rebuild, err, personality.output)
	}
	s.up(t)
	if got := proxy.logLength(t); got != length {
		t.Errorf("after the rebuild the log has %d records, want %d", got, length)
	}
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
