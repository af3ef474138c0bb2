package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/witnesses"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// A registry that answers for another one under a witness policy passes on what real witnesses
// have cosigned, and nothing behind that while they are away.
func TestFederationWitnessed(t *testing.T) {
	t.Parallel()
	w := &witnessed{server: startServer(t, "--origin", origin), policyFile: filepath.Join(t.TempDir(), "policy")}
	w.witnesses = []*witnesses.Witness{witnesses.StartLitewitness(t, "w.example/lite", w.logs(t)...)}
	policy := w.policy(t, 1)
	w.stop(t)
	w.flags = append(w.flags, "--witness-policy-file", w.policyFile, "--witness-interval", "300ms")
	w.start(t)
	w.publishMany(t, "early", 2, 3)
	cosigned := w.awaitCosigned(t, tlog.Records, w.logLength(t), policy, 1)

	demanded, err := w.logSource(t, tlog.Records).Policy(1, w.witnesses[0].PolicyLine())
	must(t, err)
	file := filepath.Join(t.TempDir(), "demanded")
	must(t, os.WriteFile(file, []byte(demanded), 0o600))
	u := &upstream{w.server, strings.TrimPrefix(w.url, "http://"), w.privateKey(t)}
	home := startServer(t, "--registries-file", registriesFile(t, u.entry("mode: proxy", "witness-policy-file: "+file)))
	if got := lengthOf(t, home.url, u.domain); got != cosigned.Head.Size {
		t.Errorf("length %d, and the witness has cosigned %d", got, cosigned.Head.Size)
	}

	must(t, w.witnesses[0].Stop())
	w.publishMany(t, "late", 2, 3)
	time.Sleep(1500 * time.Millisecond) // it asks for what is new once a second
	if got := lengthOf(t, home.url, u.domain); got != cosigned.Head.Size || w.logLength(t) <= got {
		t.Errorf("length %d of %d, and the witness has cosigned %d", got, w.logLength(t), cosigned.Head.Size)
	}
	must(t, w.witnesses[0].Start())
	awaitSame(t, home, u)
	w.awaitCosigned(t, tlog.Records, w.logLength(t), policy, 1)
	if _, ready := home.ask(t, "GET", "/readyz", nil); strings.Contains(string(ready), "did not prove") {
		t.Errorf("it was caught: %s", ready)
	}
}
