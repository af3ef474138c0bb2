package integration

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/readers"
	"github.com/warg-trillian/warg-trillian/integration/witnesses"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// witnessed is a registry with real witnesses.
type witnessed struct {
	*server
	policyFile string
	witnesses  []*witnesses.Witness
}

// policy writes the policy of the registry, with a quorum.
func (w *witnessed) policy(t *testing.T, quorum int) *witness.Policy {
	t.Helper()
	var lines []string
	for _, each := range w.witnesses {
		lines = append(lines, each.PolicyLines()...)
	}
	source := w.logSource(t, tlog.Records)
	text, err := source.Policy(quorum, lines...)
	if err != nil {
		t.Fatal(err)
	}
	text = strings.Replace(text, "log "+source.VKey+"\n", "", 1) // it speaks of both logs
	if err := os.WriteFile(w.policyFile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	parsed, err := witness.ParsePolicy([]byte(text))
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	return parsed
}

// logs are both logs as witnesses are told of them.
func (s *server) logs(t *testing.T) (all []witnesses.Log) {
	t.Helper()
	for _, log := range tlog.Logs {
		source := s.logSource(t, log)
		all = append(all, witnesses.Log{Origin: source.Origin, VKey: source.VKey, URL: strings.TrimSuffix(source.URL, "/")})
	}
	return all
}

// startWitnessed starts a registry, and witnesses that know its logs, and then has them
// asked.
func startWitnessed(t *testing.T, quorum int, flags ...string) *witnessed {
	t.Helper()
	w := &witnessed{server: startServer(t, append([]string{"--origin", origin}, flags...)...), policyFile: filepath.Join(t.TempDir(), "policy")}
	logs := w.logs(t)
	w.witnesses = []*witnesses.Witness{
		witnesses.StartLitewitness(t, "w.example/lite", logs...),
		witnesses.StartOmniwitness(t, "w.example/omni", []witnesses.KeyType{witnesses.Ed25519, witnesses.MLDSA44}, logs...),
	}
	w.policy(t, quorum)
	w.stop(t)
	w.flags = append(w.flags, "--witness-policy-file", w.policyFile, "--witness-interval", "300ms")
	w.start(t)
	return w
}

// awaitCosigned waits until the served note of a log covers some leaves and meets a
// policy, and returns it.
func (w *witnessed) awaitCosigned(t *testing.T, log tlog.Log, size uint64, policy *witness.Policy, cosignatures int) witness.Cosigned {
	t.Helper()
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(20 * time.Millisecond) {
		status, note := w.ask(t, http.MethodGet, "/"+log.Path()+"/checkpoint", nil)
		if status == http.StatusOK {
			cosigned, err := policy.Check(note)
			if err != nil {
				t.Fatalf("a note is served that does not meet the policy: %v\n%s", err, note)
			}
			if cosigned.Head.Size >= size && len(cosigned.Cosignatures) >= cosignatures {
				return cosigned
			}
		} else if status != http.StatusServiceUnavailable {
			t.Fatalf("status %d: %s", status, note)
		}
		if time.Now().After(deadline) {
			_, ready := w.ask(t, http.MethodGet, "/readyz", nil)
			t.Fatalf("no note of %d leaves of the %s log with %d cosignatures; /readyz says %s", size, log, cosignatures, ready)
		}
	}
}

// Both logs are cosigned by litewitness, and by omniwitness with two kinds of keys; one
// that is down is done without if the quorum allows it, and catches up; torchwood takes
// the result; a registry that is killed between signing and pushing goes on.
func TestWitnesses(t *testing.T) {
	t.Parallel()
	w := startWitnessed(t, 2)
	policy := w.policy(t, 2)
	w.publishMany(t, "a", 5, 10)
	length := w.logLength(t)
	for _, log := range tlog.Logs {
		cosigned := w.awaitCosigned(t, log, min(length, 2), policy, 3)
		if len(cosigned.Refused) != 0 {
			t.Errorf("refused: %v", cosigned.Refused)
		}
	}
	w.awaitCosigned(t, tlog.Records, length, policy, 3)
	readByTorchwood(t, w)

	lite := w.witnesses[0]
	must(t, lite.Stop())
	w.publishMany(t, "b", 5, 10)
	length = w.logLength(t)
	w.awaitCosigned(t, tlog.Records, length, policy, 2) // omniwitness's two keys are a quorum
	if _, ready := w.ask(t, http.MethodGet, "/readyz", nil); !strings.HasPrefix(string(ready), "ready\n") || !strings.Contains(string(ready), "w.example/lite") && !strings.Contains(string(ready), "unavailable") {
		t.Errorf("readiness does not tell of the witness that is down: %s", ready)
	}

	// More is asked for than there is: what was cosigned by two is served no more, and
	// that is told.
	policy = w.policy(t, 3)
	w.reload(t)
	if _, ready := w.ask(t, http.MethodGet, "/readyz", nil); !strings.Contains(string(ready), "none is served") {
		t.Errorf("readiness does not say that no checkpoint is served: %s", ready)
	}
	w.publishMany(t, "c", 2, 10)
	if status, note := w.ask(t, http.MethodGet, "/tlog/records/checkpoint", nil); status != http.StatusServiceUnavailable {
		t.Errorf("short of its quorum: status %d: %s", status, note)
	}
	w.kill(t)
	must(t, lite.Start())
	w.start(t)
	length = w.logLength(t)
	w.awaitCosigned(t, tlog.Records, length, policy, 3)
	if size, err := lite.Size(origin + "/tlog/records"); err != nil || size != length {
		t.Errorf("litewitness has size %d (%v), want %d", size, err, length)
	}
	w.readByOthers(t, w.awaitNotes(t))
}

// readByTorchwood has torchwood read the records log under a policy with the witness
// that it can verify.
func readByTorchwood(t *testing.T, w *witnessed) {
	t.Helper()
	source := w.logSource(t, tlog.Records)
	text, err := source.Policy(1, w.witnesses[0].PolicyLine())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "policy")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readers.Torchwood(t.Context(), source, file); err != nil {
		t.Error(err)
	}
}

// A fork is refused by its witnesses, named, and not served; publishing goes on.
func TestWitnessesOfAFork(t *testing.T) {
	t.Parallel()
	w := startWitnessed(t, 1)
	policy := w.policy(t, 1)
	w.publishMany(t, "a", 3, 10)
	w.awaitCosigned(t, tlog.Records, w.logLength(t), policy, 3)
	w.stop(t)

	// Another registry with the same keys, as from a backup of the first moment.
	other := startServer(t, "--origin", origin, "--operator-key-file", filepath.Join(w.dataDir, "operator.key"),
		"--records-note-key-file", filepath.Join(w.dataDir, "records-note.key"), "--checkpoints-note-key-file", filepath.Join(w.dataDir, "checkpoints-note.key"),
		"--witness-policy-file", w.policyFile, "--witness-interval", "300ms", "--metrics-listen", "127.0.0.1:0")
	other.publishMany(t, "fork", 5, 10)
	deadline := time.Now().Add(startTimeout)
	for ready := ""; !strings.Contains(ready, "ANOTHER ROOT"); time.Sleep(50 * time.Millisecond) {
		_, text := other.ask(t, http.MethodGet, "/readyz", nil)
		ready = string(text)
		if time.Now().After(deadline) {
			t.Fatalf("no alarm: %s", ready)
		}
	}
	if status, note := other.ask(t, http.MethodGet, "/tlog/records/checkpoint", nil); status != http.StatusServiceUnavailable {
		t.Errorf("the fork is served: status %d: %s", status, note)
	}
	other.publishMany(t, "more", 2, 5)
	if !strings.Contains(other.stderr.String(), "another root") {
		t.Error("its log does not say so")
	}
}

// reload has the registry read its files again, and waits until it has.
func (s *server) reload(t *testing.T) {
	t.Helper()
	before := strings.Count(s.stderr.String(), "msg=reloaded")
	if err := s.process.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(startTimeout); strings.Count(s.stderr.String(), "msg=reloaded") == before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("SIGHUP did nothing")
		}
	}
}

// Whatever changes of what is asked of witnesses, the served notes do not go back.
func TestServedNotesDoNotGoBack(t *testing.T) {
	t.Parallel()
	w := startWitnessed(t, 1)
	policy := w.policy(t, 1)
	w.publishMany(t, "a", 2, 5)
	w.awaitCosigned(t, tlog.Records, w.logLength(t), policy, 1)
	for _, each := range w.witnesses {
		must(t, each.Stop())
	}
	restart := func(flags ...string) {
		w.stop(t)
		flagged := w.flags
		w.flags = append(slices.Clone(flagged), flags...)
		w.start(t)
		w.flags = flagged
	}
	restart("--witness-fail-open")
	w.publishMany(t, "b", 2, 5)
	open := w.awaitNotes(t)[tlog.Records].Size
	restart()
	if status, note := w.ask(t, http.MethodGet, "/tlog/records/checkpoint", nil); status != http.StatusServiceUnavailable {
		t.Errorf("behind what was served: status %d: %s", status, note)
	}
	for _, each := range w.witnesses {
		must(t, each.Start())
	}
	if cosigned := w.awaitCosigned(t, tlog.Records, open, policy, 1); cosigned.Head.Size < open {
		t.Errorf("size %d, and %d was served", cosigned.Head.Size, open)
	}
}
