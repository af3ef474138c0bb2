package witnesses_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	formats "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/warg-trillian/warg-trillian/integration/readers"
	"github.com/warg-trillian/warg-trillian/integration/tlogtest"
	"github.com/warg-trillian/warg-trillian/integration/witnesses"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Kinds of witness.
const (
	lite  = "litewitness"
	omni  = "omniwitness"
	mldsa = "omniwitness with ML-DSA"
	two   = "omniwitness with two keys"
)

// start starts one witness of each kind.
func start(t *testing.T, logs ...witnesses.Log) map[string]*witnesses.Witness {
	t.Helper()
	return map[string]*witnesses.Witness{
		lite:  witnesses.StartLitewitness(t, "w.example.com/lite", logs...),
		omni:  witnesses.StartOmniwitness(t, "w.example.com/omni", []witnesses.KeyType{witnesses.Ed25519}, logs...),
		mldsa: witnesses.StartOmniwitness(t, "w.example.com/mldsa", []witnesses.KeyType{witnesses.MLDSA44}, logs...),
		two:   witnesses.StartOmniwitness(t, "w.example.com/two", []witnesses.KeyType{witnesses.Ed25519, witnesses.MLDSA44}, logs...),
	}
}

func logOf(l *tlogtest.Log) witnesses.Log { return witnesses.Log{Origin: l.Origin(), VKey: l.VKey()} }

// push pushes a checkpoint. omniwitness answers 429 while it is busy with another.
func push(t *testing.T, w *witnesses.Witness, old uint64, proof []protocol.Hash, note []byte) witnesses.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		answer, err := w.AddCheckpoint(ctx, old, proof, note)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Status != http.StatusTooManyRequests {
			return answer
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// accepted pushes a checkpoint that a witness has to cosign, verifies its cosignatures,
// one by each of its keys, and returns the lines.
func accepted(t *testing.T, w *witnesses.Witness, l *tlogtest.Log, old, size uint64) string {
	t.Helper()
	answer := push(t, w, old, l.Consistency(old, size), l.Note(size))
	if answer.Status != http.StatusOK || answer.ContentType != textPlain || strings.Count(answer.Body, "\n") != len(w.VKeys()) {
		t.Fatalf("%s answers a checkpoint by %+v", w.Name, answer)
	}
	var known []note.Verifier
	for _, vkey := range w.VKeys() {
		v, err := formats.NewVerifierForCosignatureV1(vkey)
		if err != nil {
			t.Fatal(err)
		}
		if v.Name() != w.Name {
			t.Errorf("the key of %s is named %s", w.Name, v.Name())
		}
		known = append(known, v)
	}
	n, err := note.Open(append(l.Head(size).Body(), "\n"+answer.Body...), note.VerifierList(known...))
	if err != nil {
		t.Fatalf("%s: %v", w.Name, err)
	}
	if len(n.Sigs) != len(known) {
		t.Errorf("%s has cosigned with %d of its %d keys", w.Name, len(n.Sigs), len(known))
	}
	for _, sig := range n.Sigs {
		if at, err := formats.CoSigV1Timestamp(sig); err != nil || time.Since(at).Abs() > time.Minute {
			t.Errorf("%s has cosigned at %v: %v", w.Name, at, err)
		}
	}
	return answer.Body
}

// torchwood believes a checkpoint that as many witnesses have cosigned as its policy
// demands, and no other. (It knows no ML-DSA.)
func TestReadersBelieveWitnesses(t *testing.T) {
	t.Parallel()
	l := tlogtest.New(t, "registry.example.com/tlog/records", 300, true)
	ws := start(t, logOf(l))
	dir := t.TempDir()
	l.Write(dir)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	s := readers.Source{URL: server.URL, Origin: l.Origin(), VKey: l.VKey()}

	text, err := s.Policy(2, ws[lite].PolicyLine(), ws[omni].PolicyLine())
	if err != nil {
		t.Fatal(err)
	}
	policy := filepath.Join(t.TempDir(), "policy")
	write := func(path string, content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(policy, []byte(text))
	var refused *readers.RefusedError
	signed := l.Note(300)
	for _, kind := range []string{mldsa, two, omni} {
		signed = append(signed, accepted(t, ws[kind], l, 0, 300)...)
	}
	write(filepath.Join(dir, "checkpoint"), signed)
	if _, err := readers.Torchwood(t.Context(), s, policy); !errors.As(err, &refused) {
		t.Errorf("a checkpoint that one of two witnesses has cosigned: %v", err)
	}
	signed = append(signed, accepted(t, ws[lite], l, 0, 300)...)
	write(filepath.Join(dir, "checkpoint"), signed)
	if head, err := readers.Torchwood(t.Context(), s, policy); err != nil || head != l.Head(300) {
		t.Errorf("a checkpoint that both have cosigned: %+v, %v", head, err)
	}
	if head, err := readers.TesseraFsck(t.Context(), s); err != nil || head != l.Head(300) {
		t.Errorf("tessera: %+v, %v", head, err)
	}
}

// What a witness has cosigned it remembers, however it ends.
func TestStartAgain(t *testing.T) {
	t.Parallel()
	l := tlogtest.New(t, "registry.example.com/tlog/records", 300, false)
	added := tlogtest.New(t, "registry.example.com/tlog/checkpoints", 20, false)
	fork := l.Fork(50)
	for kind, w := range start(t, logOf(l)) {
		if size, err := w.Size(l.Origin()); err != nil || size != 0 {
			t.Errorf("%s has seen size %d at first: %v", kind, size, err)
		}
		url, vkey := w.URL, w.VKeys()[0]
		old := uint64(0)
		for i, end := range []func() error{w.Kill, w.Stop, w.Kill} {
			size := uint64(100 * (i + 1))
			accepted(t, w, l, old, size)
			old = size
			if err := end(); err != nil {
				t.Fatal(err)
			}
			if _, err := w.AddCheckpoint(t.Context(), old, nil, l.Note(size)); err == nil {
				t.Errorf("%s answers when it does not run", kind)
			}
			if got, err := w.Size(l.Origin()); err != nil || got != size {
				t.Errorf("%s has seen size %d, want %d: %v", kind, got, size, err)
			}
			if err := w.Start(); err != nil {
				t.Fatal(err)
			}
			if answer := push(t, w, size, nil, fork.Note(size)); answer.Status != http.StatusUnprocessableEntity {
				t.Errorf("%s, started again, answers a fork by %+v", kind, answer)
			}
		}
		if err := w.AddLogs(logOf(added)); err != nil {
			t.Fatal(err)
		}
		accepted(t, w, added, 0, 20)
		accepted(t, w, l, 300, 300)
		if w.URL != url || w.VKeys()[0] != vkey {
			t.Errorf("%s changed from %s, %s to %s, %s", kind, url, vkey, w.URL, w.VKeys()[0])
		}
		if err := w.Start(); err == nil {
			t.Errorf("%s was started twice", kind)
		}
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	l := tlogtest.New(t, "registry.example.com/tlog/records", 10, false)
	for kind, w := range start(t, logOf(l)) {
		if err := w.Pause(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := w.AddCheckpoint(ctx, 0, nil, l.Note(10)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s, paused: %v", kind, err)
		}
		if err := w.Resume(); err != nil {
			t.Fatal(err)
		}
		// It may have cosigned what nobody waited for any more.
		if answer := push(t, w, 0, nil, l.Note(10)); answer.Status != http.StatusOK && answer.ContentType != "text/x.tlog.size" {
			t.Errorf("%s, going on: %+v", kind, answer)
		}
		accepted(t, w, l, 10, 10)
	}
}

func TestPolicyLines(t *testing.T) {
	t.Parallel()
	w := witnesses.StartOmniwitness(t, "w.example.com/two", []witnesses.KeyType{witnesses.Ed25519, witnesses.MLDSA44})
	keys, lines := w.VKeys(), w.PolicyLines()
	want := []string{"witness w.example.com/two " + keys[0] + " " + w.URL, "witness w.example.com/two-2 " + keys[1] + " " + w.URL}
	if len(lines) != 2 || lines[0] != want[0] || lines[1] != want[1] || w.PolicyLine() != want[0] {
		t.Errorf("lines %q, want %q", lines, want)
	}
}
