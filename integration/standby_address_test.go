package integration

import (
	"net"
	"strings"
	"testing"
)

// A promotion asks where the standby followed its registry, whatever it is told; a name that
// does not exist tells nothing of the old registry.
func TestPromoteAsksWhereTheStandbyFollowed(t *testing.T) {
	t.Parallel()
	old := startServer(t)
	old.publishMany(t, "p", 2, 3)
	standby := startStandby(t, t.TempDir(), old)
	standby.awaitAtLeast(t, old.logLength(t))
	standby.stop(t)
	copyKeys(t, old.dataDir, standby.dataDir)
	refused := func(of string, why ...string) {
		t.Helper()
		said, ok := promote(t, standby, &server{url: of})
		if ok {
			t.Fatalf("promoted with --of %s: %s", of, said)
		}
		for _, each := range append(why, "was not promoted", "looked for at "+of) {
			if !strings.Contains(said, each) {
				t.Errorf("--of %s: nothing of %q in: %s", of, each, said)
			}
		}
	}
	const wrong = "http://registry.invalid"
	refused("http://"+freeAddress(t), "the old registry at "+old.url+" still answers")
	refused(wrong, "the old registry at "+old.url+" still answers", "the name in "+wrong)
	old.stop(t)
	refused(wrong, "the name in "+wrong)
	if said, ok := promote(t, standby, old); !ok {
		t.Errorf("promote: %s", said)
	}
}

// What takes connections at the old address, and says nothing, may be the old registry.
func TestPromoteWhileTheOldAddressIsSilent(t *testing.T) {
	t.Parallel()
	l := loseRegistry(t)
	silent, err := net.Listen("tcp", strings.TrimPrefix(l.old.url, "http://"))
	must(t, err)
	said, ok := promote(t, &server{dataDir: l.standby}, l.old)
	must(t, silent.Close())
	if ok || !strings.Contains(said, "something is at the address of the old registry") {
		t.Fatalf("promote: %s", said)
	}
	if said, ok := promote(t, &server{dataDir: l.standby}, l.old); !ok {
		t.Errorf("promote: %s", said)
	}
}
