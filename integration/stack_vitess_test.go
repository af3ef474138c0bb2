package integration

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/vitess"
)

// TestStackVitess has the registry's own database in Vitess. Its primary is moved,
// and then killed, each under a load: everything that was acknowledged is there and
// verified afterwards, as after the faults of TestStackFaults.
func TestStackVitess(t *testing.T) {
	v := vitess.Start(t)
	c := startClusterOn(t, 2, v.DSN(vitess.Keyspace))
	a := new(auditor)
	for _, fault := range []struct {
		name string
		fail func(*testing.T)
	}{
		{"reparented", v.Reparent},
		{"primary-killed", v.KillPrimary},
		{"next-primary-killed", v.KillPrimary},
	} {
		if !t.Run(fault.name, func(t *testing.T) {
			underLoadOf(t, c, a, fault.name, 300, 1000, func(t *testing.T, _ *cluster) { fault.fail(t) })
		}) {
			return
		}
	}
	for _, m := range c.members {
		if said := m.stderr.String(); strings.Contains(said, "the database's settings are dangerous") && !strings.Contains(said, "tablets serve") {
			t.Errorf("settings that are safe are said to be dangerous: %s", said)
		}
	}
}

// A sharded keyspace is refused when the server starts, with words that say what to
// do.
func TestStackVitessSharded(t *testing.T) {
	v := vitess.Start(t)
	v.Shard(t, "pieces")
	server := exec.Command(command(t, "warg-personality"), "serve", "--data-dir", t.TempDir(), "--listen", "127.0.0.1:0", "--namespace", "example",
		"--database-url", v.DSN("pieces"), "--trillian", "127.0.0.1:1") // the database is opened first
	said, err := server.CombinedOutput()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
		t.Fatalf("the server ended with %v, want a failure; it said:\n%s", err, said)
	}
	for _, want := range []string{"keyspace pieces has 2 shards", "with one shard", "CreateKeyspace"} {
		if !strings.Contains(string(said), want) {
			t.Errorf("the server said, without %q:\n%s", want, said)
		}
	}
}
