package integration

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// cosigning is when these tests give up waiting for cosignatures. The witness is asked
// every 10 s, and half as often after each time that it did not answer.
const cosigning = 90 * time.Second

// The stack's witness needs nobody, is reached by nobody else, and nobody waits for it.
func TestComposeWitness(t *testing.T) {
	project := loadCompose(t)
	w := project.Services["witness"]
	if len(w.Networks) == 0 || len(w.Ports) > 0 {
		t.Errorf("it has networks %v and ports %v", w.NetworksByPriority(), w.Ports)
	}
	for name := range w.Networks {
		if !project.Networks[name].Internal {
			t.Errorf("by the network %s it reaches, and is reached by, what is outside", name)
		}
		for _, other := range project.Services {
			_, shares := other.Networks[name]
			if shares && other.Name != "witness" && other.Name != "prometheus" && !slices.Contains(other.Command, "serve") {
				t.Errorf("%s is on its network %s", other.Name, name)
			}
		}
	}
	for _, s := range project.Services {
		if _, waits := s.DependsOn["witness"]; waits {
			t.Errorf("%s does not start without the witness", s.Name)
		}
		for _, v := range s.Volumes {
			if v.Source == "witness" && s.Name != "witness" && s.Name != "witness-keys" {
				t.Errorf("%s has the witness's private keys", s.Name)
			}
			if v.Source == "key" && strings.HasPrefix(s.Name, "witness") {
				t.Errorf("%s has the registry's private keys", s.Name)
			}
		}
	}
}

// The tests run the witness that the image is built with.
func TestComposeWitnessVersion(t *testing.T) {
	built := matchFile(t, "docker/witness.Dockerfile", `ARG WITNESS_VERSION=(\S+)`)
	if tested := matchFile(t, "integration/tools/witnesses.sh", `(?m)^transparency_dev=(\S+)`); tested != built {
		t.Errorf("docker/witness.Dockerfile has %s, integration/tools/witnesses.sh has %s", built, tested)
	}
	date := matchFile(t, "docker/witness.Dockerfile", `ARG WITNESS_VERSION=v0\.0\.0-(\d+)-`)
	for _, s := range loadCompose(t).Services {
		if strings.HasPrefix(s.Name, "witness") && s.Image != "warg/omniwitness:"+date {
			t.Errorf("service %s has the image %s of the version of %s", s.Name, s.Image, date)
		}
	}
}

// TestComposeKeys runs the jobs that make keys, on the volumes of a release that had an
// operator key alone: that one stays, the others are made once, whatever interrupts the
// jobs.
func TestComposeKeys(t *testing.T) {
	s := newStack(t)
	keys := []string{
		"key/operator.key", "key/records-note.key", "key/checkpoints-note.key",
		"witness/ed25519.key", "witness/ml-dsa.key",
	}
	must(t, s.containers["operator-key"].command(t, "warg-personality", "key", "new", "-o", "/var/lib/warg-key/operator.key").Run())
	before := map[string]string{keys[0]: s.volumeFile(t, keys[0])}
	run := func() {
		t.Helper()
		s.containers["operator-key"].begin(t)
		s.containers["witness-keys"].begin(t)
		for _, name := range keys {
			text := s.volumeFile(t, name)
			if before[name] != "" && text != before[name] {
				t.Errorf("%s was made anew", name)
			}
			before[name] = text
			info, err := os.Stat(filepath.Join(s.dir, "volumes", name))
			must(t, err)
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v", name, info.Mode())
			}
		}
	}
	run()
	policy := s.volumeFile(t, "public/witness.policy")
	for name, text := range map[string]string{
		"witness/new.key": "half", "witness/new.vkey": "", // killed while a key was made
		"public/records.vkey.new": "half", "public/witness.policy.new": "half",
		"public/witness.policy": "", "witness/logs.yaml": "",
	} {
		s.containers["witness-keys"].leave(t, name, text)
	}
	must(t, os.Remove(filepath.Join(s.dir, "volumes", keys[4]))) // killed before the second one was whole
	before[keys[4]] = ""
	run()
	if got := s.volumeFile(t, "public/witness.policy"); got == policy || !sameLines(got, policy, "witness stack-ml-dsa ") {
		t.Errorf("the policy was\n%s\nand is now\n%s", policy, got)
	}
	run()
	s.policy(t)

	// A policy without keys would be no policy: the job fails and changes nothing.
	policy = s.volumeFile(t, "public/witness.policy")
	must(t, os.Remove(filepath.Join(s.dir, "volumes/public/checkpoints.vkey")))
	c := s.containers["witness-keys"]
	if err := c.command(t, c.service.Command...).Run(); err == nil || s.volumeFile(t, "public/witness.policy") != policy {
		t.Errorf("without a log's key the job ends with %v, and the policy is\n%s", err, s.volumeFile(t, "public/witness.policy"))
	}
}

// sameLines says whether two texts are the same but for lines with a beginning.
func sameLines(a, b, but string) bool {
	without := func(text string) []string {
		return slices.DeleteFunc(strings.Split(text, "\n"), func(l string) bool { return strings.HasPrefix(l, but) })
	}
	return slices.Equal(without(a), without(b))
}

// leave writes a file, VOLUME/NAME, as the container does.
func (c *container) leave(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(c.stack.dir, "volumes", name)
	err := os.WriteFile(path, []byte(text), 0o600)
	if os.Getuid() == 0 {
		uid, gid, _ := userOf(t, c.service)
		err = errors.Join(err, os.Chown(path, int(uid), int(gid)))
	}
	must(t, err)
}

// volumeFile reads a file, VOLUME/NAME.
func (s *stack) volumeFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "volumes", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// policy is the policy that the stack makes: as an auditor needs it, with both logs, and
// as the personalities need it, with a URL of each witness.
func (s *stack) policy(t *testing.T) *witness.Policy {
	t.Helper()
	text := s.volumeFile(t, "public/witness.policy")
	p, err := witness.ParsePolicy([]byte(text))
	if err == nil {
		err = p.CheckURLs()
	}
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	var origins []string
	for _, l := range p.Logs() {
		origins = append(origins, l.Origin)
	}
	if want := []string{"registry.localhost/tlog/records", "registry.localhost/tlog/checkpoints"}; !slices.Equal(origins, want) {
		t.Errorf("the policy has the logs %q, want %q", origins, want)
	}
	if n := len(p.Witnesses()); n != 2 || p.Quorum() != "stack" {
		t.Errorf("the policy has %d keys of witnesses and the quorum %s:\n%s", n, p.Quorum(), text)
	}
	for _, w := range p.Witnesses() {
		if p.Satisfied([]witness.Cosignature{{Key: w.Key}}) {
			t.Errorf("one of the two keys is a quorum:\n%s", text)
		}
	}
	return p
}

// cosigned is the checkpoint of a log that the proxy serves. What it serves must be signed
// by the log and cosigned with both keys of the witness; false if it serves none.
func (s *stack) cosigned(t *testing.T, log tlog.Log) (tlog.TreeHead, bool) {
	t.Helper()
	proxy := &server{url: s.url("proxy", 8080)}
	status, note := proxy.ask(t, http.MethodGet, "/"+log.Path()+"/checkpoint", nil)
	if status == http.StatusServiceUnavailable {
		return tlog.TreeHead{}, false
	}
	p := s.policy(t)
	head, err := p.CheckLog(note)
	cosigned, short := p.Check(note)
	if err := errors.Join(err, short); err != nil || status != http.StatusOK {
		t.Fatalf("status %d: %v\n%s", status, err, note)
	}
	if len(cosigned.Cosignatures) != 2 || len(cosigned.Refused) != 0 {
		t.Errorf("there are %d cosignatures, refused are %v:\n%s", len(cosigned.Cosignatures), cosigned.Refused, note)
	}
	return head, true
}

// awaitCosigned waits until all that is published is in cosigned checkpoints of both logs,
// and returns them.
func (s *stack) awaitCosigned(t *testing.T) map[tlog.Log]tlog.TreeHead {
	t.Helper()
	proxy := &server{url: s.url("proxy", 8080)}
	heads := map[tlog.Log]tlog.TreeHead{}
	within(t, cosigning, "both logs are cosigned as far as they are published", func() bool {
		for _, log := range tlog.Logs {
			head, ok := s.cosigned(t, log)
			if !ok {
				return false
			}
			heads[log] = head
		}
		length := proxy.logLength(t)
		return heads[tlog.Records].Size == length && proxy.lastLogged(t, heads[tlog.Checkpoints].Size) == length
	})
	return heads
}

// checkWitness kills the witness: publishing goes on, personalities start, and the files
// end at the last checkpoint that was cosigned, until it is back.
func checkWitness(t *testing.T, s *stack, author *client) {
	before := s.awaitCosigned(t)
	s.containers["witness"].kill(t)
	author.release("example:hello", "1.0.1", module("no witness"))
	other := s.containers["personality-2"]
	other.stop(t)
	other.begin(t) // as soon as it is healthy
	author.release("example:hello", "1.0.2", module("no witness either"))
	for _, log := range tlog.Logs {
		if head, ok := s.cosigned(t, log); !ok || head != before[log] {
			t.Errorf("without a witness, the checkpoint of the %s log is %+v (%v), want %+v", log, head, ok, before[log])
		}
	}
	s.up(t)
	after := s.awaitCosigned(t)
	if after[tlog.Records].Size < before[tlog.Records].Size+2 {
		t.Errorf("%d records were cosigned before, and %d after two more were published", before[tlog.Records].Size, after[tlog.Records].Size)
	}
}
