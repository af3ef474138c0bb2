package integration

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/warg-trillian/warg-trillian/integration/readers"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/recordproof"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// origin is the origin of the registries of these tests.
const origin = "registry.example.com"

// logSource is a log of a registry as independent readers take it, by the public key
// that `note-key show` prints.
func (s *server) logSource(t *testing.T, log tlog.Log) readers.Source {
	t.Helper()
	file := filepath.Join(s.dataDir, string(log)+"-note.key")
	output, err := exec.CommandContext(t.Context(), command(t, "warg-personality"), "note-key", "show", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	vkey, _, _ := strings.Cut(string(output), "\n") // the first is for Ed25519
	name, _, _ := strings.Cut(vkey, "+")
	return readers.Source{URL: s.url + "/" + log.Path() + "/", Origin: name, VKey: vkey}
}

// note returns the tree head of a log's note, and the note.
func (s *server) note(t *testing.T, log tlog.Log) (head tlog.TreeHead, note []byte) {
	t.Helper()
	source := s.logSource(t, log)
	status, note := s.ask(t, http.MethodGet, "/"+log.Path()+"/checkpoint", nil)
	if status == http.StatusNotFound || status == http.StatusServiceUnavailable { // none yet, or none that is cosigned
		return head, nil
	}
	v, err := tlog.NewVerifier(source.VKey)
	if err == nil {
		head, err = tlog.Open(note, source.Origin, v)
	}
	if err != nil {
		t.Fatalf("status %d: %v\n%s", status, err, note)
	}
	return head, note
}

// awaitNotes waits until both logs have notes of all that is published.
func (s *server) awaitNotes(t *testing.T) (heads map[tlog.Log]tlog.TreeHead) {
	t.Helper()
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(20 * time.Millisecond) {
		records, _ := s.note(t, tlog.Records)
		checkpoints, _ := s.note(t, tlog.Checkpoints)
		if length := s.logLength(t); records.Size == length && s.lastLogged(t, checkpoints.Size) == length {
			return map[tlog.Log]tlog.TreeHead{tlog.Records: records, tlog.Checkpoints: checkpoints}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the notes have %d records and %d checkpoints, the registry has %d records", records.Size, checkpoints.Size, s.logLength(t))
		}
	}
}

// lastLogged is the length of the last checkpoint in a checkpoints log of some size.
func (s *server) lastLogged(t *testing.T, size uint64) uint64 {
	t.Helper()
	if size == 0 {
		return 0
	}
	f := tlog.File{Kind: tlog.Entries, Index: (size - 1) / tlog.TileWidth, Width: int((size-1)%tlog.TileWidth) + 1}
	status, bundle := s.ask(t, http.MethodGet, "/"+tlog.Checkpoints.Path()+"/"+f.Path(), nil)
	entries, err := tlog.ParseEntries(bundle, f.Width)
	if status != http.StatusOK || err != nil {
		t.Fatalf("%s: status %d, %v", f.Path(), status, err)
	}
	rest, ok := bytes.CutPrefix(entries[f.Width-1], []byte("WARG-CHECKPOINT-V0"))
	length := uint64(0)
	for shift := 0; ok; shift += 7 { // unsigned LEB128
		length |= uint64(rest[0]&0x7f) << shift
		if rest[0] < 0x80 {
			return length
		}
		rest = rest[1:]
	}
	t.Fatalf("%q is no checkpoint", entries[f.Width-1])
	return 0
}

// readByOthers has tessera and torchwood read both logs whole.
func (s *server) readByOthers(t *testing.T, heads map[tlog.Log]tlog.TreeHead) {
	t.Helper()
	for log, want := range heads {
		source := s.logSource(t, log)
		text, err := source.Policy(0)
		if err != nil {
			t.Fatal(err)
		}
		policy := filepath.Join(t.TempDir(), "policy")
		if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for reader, read := range map[string]func() (tlog.TreeHead, error){
			"tessera":   func() (tlog.TreeHead, error) { return readers.TesseraFsck(t.Context(), source) },
			"torchwood": func() (tlog.TreeHead, error) { return readers.Torchwood(t.Context(), source, policy) },
		} {
			if got, err := read(); err != nil || got != want {
				t.Errorf("%s reads the %s log as %+v (%v), want %+v", reader, log, got, err, want)
			}
		}
	}
}

// publishMany publishes packages of some records each.
func (s *server) publishMany(t *testing.T, prefix string, packages, records int) {
	t.Helper()
	var last []*signedRecord
	for p := range packages {
		a := newAuthor(t, fmt.Sprintf("example:%s%d", prefix, p))
		r := a.begin()
		s.mustSend(t, r)
		for range records - 1 {
			key, err := protocol.GeneratePrivateKey()
			if err != nil {
				t.Fatal(err)
			}
			r = a.sign(nil, protocol.PackageEntry{Type: protocol.EntryGrantFlat, Key: key.Public(), Permissions: []protocol.PackagePermission{protocol.PermissionYank}})
			s.mustSend(t, r)
		}
		last = append(last, r)
	}
	s.waitPublished(t, last...)
}

// Independent readers read both logs as they are served, while they grow, across a
// SIGKILL, and find an earlier tree head in a later one.
func TestLogsAsStaticFiles(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--origin", origin)
	s.publishMany(t, "a", 30, 20)
	earlier := s.awaitNotes(t)
	s.readByOthers(t, earlier)
	_, note := s.note(t, tlog.Records)
	noteFile := filepath.Join(t.TempDir(), "note")
	if err := os.WriteFile(noteFile, note, 0o600); err != nil {
		t.Fatal(err)
	}

	s.publishMany(t, "b", 2, 5)
	s.kill(t)
	s.start(t)
	s.publishMany(t, "c", 20, 3)
	heads := s.awaitNotes(t)
	s.readByOthers(t, heads)
	source := s.logSource(t, tlog.Records)
	if source.Origin != origin+"/tlog/records" {
		t.Errorf("origin %s", source.Origin)
	}
	if got, err := readers.TesseraConsistency(t.Context(), source, noteFile); err != nil || got != heads[tlog.Records] {
		t.Errorf("consistency: %+v, %v", got, err)
	}
	var packed []byte
	for index := range earlier[tlog.Records].Size {
		if index%97 != 0 {
			continue
		}
		_, entry, err := readers.TesseraProof(t.Context(), source, index)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := protocol.ParseLogLeaf(entry)
		if err != nil {
			t.Fatal(err)
		}
		if status, answer := s.ask(t, http.MethodGet, fmt.Sprintf("/v1/ledger/records/%d", index), nil); status == http.StatusOK && index == 0 {
			packed = answer
		}
		if want := append(leaf.LogID[:], leaf.RecordID[:]...); !bytes.Equal(packed[index*64:index*64+64], want) {
			t.Errorf("entry %d is %+v, the API has another record there", index, leaf)
		}
	}
}

// Origins and note keys are for ever.
func TestNoteKeysStay(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.awaitNotes(t)
	name := s.logSource(t, tlog.Records).Origin
	if !strings.HasPrefix(name, "warg-") || !strings.HasSuffix(name, "/tlog/records") {
		t.Errorf("without a setting the origin is %q", name)
	}
	s.stop(t)
	file := filepath.Join(s.dataDir, "records-note.key")
	other := filepath.Join(t.TempDir(), "other.key")
	make := exec.CommandContext(t.Context(), command(t, "warg-personality"), "note-key", "new", "--origin", strings.TrimSuffix(name, "/tlog/records"), "--log", "records", "-o", other)
	if output, err := make.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	mustContain(t, refusedStart(t, nil, "--data-dir", s.dataDir, "--origin", origin), "--origin", origin, "stays")
	mustContain(t, refusedStart(t, nil, "--data-dir", s.dataDir, "--records-note-key-file", other), other, "another one")
	mustContain(t, refusedStart(t, nil, "--data-dir", s.dataDir, "--checkpoints-note-key-file", other), other, "is named")
	mustContain(t, refusedStart(t, nil, "--data-dir", s.dataDir, "--origin", "https://a"), "scheme")
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	mustContain(t, refusedStart(t, nil, "--data-dir", s.dataDir), file, "is missing", name)
	if err := os.WriteFile(file, kept[:len(kept)-9], 0o600); err != nil {
		t.Fatal(err)
	}
	said := refusedStart(t, nil, "--data-dir", s.dataDir)
	mustContain(t, said, file, "note key")
	if strings.Contains(said, string(kept[len(kept)-40:len(kept)-15])) {
		t.Errorf("the key is in the message: %s", said)
	}
	if err := os.WriteFile(file, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	s.publishMany(t, "a", 1, 2)
	s.readByOthers(t, s.awaitNotes(t))

	// A second signature may be added.
	second := exec.CommandContext(t.Context(), command(t, "warg-personality"), "note-key", "new", "--origin", strings.TrimSuffix(name, "/tlog/records"), "--log", "records", "--ml-dsa")
	text, err := second.Output()
	if err != nil {
		t.Fatal(err)
	}
	_, mldsa, _ := strings.Cut(string(text), "\n")
	if err := os.WriteFile(file, append(kept, mldsa...), 0o600); err != nil {
		t.Fatal(err)
	}
	s.stop(t)
	s.start(t)
	s.publishMany(t, "b", 1, 2)
	heads := s.awaitNotes(t)
	if _, note := s.note(t, tlog.Records); strings.Count(string(note), "\n— ") != 2 {
		t.Errorf("want two signatures:\n%s", note)
	}
	s.readByOthers(t, heads)
}

// A proof of a release is what its file, the log's public key and nothing else take to
// be believed, by this project's verifier and by torchwood's.
func TestProofOfARelease(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--origin", origin, "--content-policy", "none")
	a := newAuthor(t, "example:tool")
	content := []byte("the first release")
	records := []*signedRecord{a.begin(), a.release(content), a.release([]byte("another"))}
	s.mustSend(t, records[0], records[1])
	s.upload(t, records[1], content)
	s.mustSend(t, records[2])
	s.upload(t, records[2], records[2].content)
	s.waitPublished(t, records...)
	s.publishMany(t, "other", 3, 7)
	heads := s.awaitNotes(t)

	status, proof := s.ask(t, http.MethodGet, "/tlog/records/proof/example/tool/1.0.1", nil)
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, proof)
	}
	source := s.logSource(t, tlog.Records)
	key, err := tlog.NewVerifier(source.VKey)
	if err != nil {
		t.Fatal(err)
	}
	result, err := recordproof.Verify(proof, protocol.HashOf(content), recordproof.Options{Logs: []note.Verifier{key}})
	if err != nil || result.Head != heads[tlog.Records] || result.RecordID != records[1].id || result.Records != 2 {
		t.Errorf("%+v, %v", result, err)
	}
	if _, err := recordproof.Verify(proof, protocol.HashOf([]byte("another")), recordproof.Options{Logs: []note.Verifier{key}}); err == nil {
		t.Error("it is taken for a proof of another release")
	}
	dir := t.TempDir()
	policy, err := source.Policy(0)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"policy": []byte(policy), "proof": proof, "entry": records[1].leaf().Encode()} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readers.TorchwoodProof(t.Context(), source.Origin, filepath.Join(dir, "policy"), filepath.Join(dir, "proof"), filepath.Join(dir, "entry"))
	if err != nil || got != heads[tlog.Records] {
		t.Errorf("torchwood: %+v, %v", got, err)
	}
	for path, want := range map[string]int{"example/tool/2.0.0": 404, "example/none/1.0.0": 404, "example/tool/x": 400, "example/tool": 404} {
		if status, answer := s.ask(t, http.MethodGet, "/tlog/records/proof/"+path, nil); status != want {
			t.Errorf("%s: status %d, want %d: %s", path, status, want, answer)
		}
	}
}

// A package with thousands of records has proofs, too.
func TestProofOfALongLog(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--content-policy", "none")
	a := newAuthor(t, "example:long")
	s.mustSend(t, a.begin())
	content := []byte("content")
	var last *signedRecord
	for n := range 2500 {
		last = a.release(content)
		s.mustSend(t, last)
		if n == 0 {
			s.upload(t, last, content)
		}
	}
	s.waitPublished(t, last)
	heads := s.awaitNotes(t)
	status, proof := s.ask(t, http.MethodGet, "/tlog/records/proof/example/long/1.0.2500", nil)
	key, err := tlog.NewVerifier(s.logSource(t, tlog.Records).VKey)
	if err != nil || status != http.StatusOK {
		t.Fatalf("%v, status %d: %.200s", err, status, proof)
	}
	result, err := recordproof.Verify(proof, protocol.HashOf(content), recordproof.Options{Logs: []note.Verifier{key}})
	if err != nil || result.Head != heads[tlog.Records] || result.Records != 2501 {
		t.Errorf("%+v, %v", result, err)
	}
}

// A registry whose database is made anew goes on with its origin and keys: its notes
// continue those from before.
func TestNotesAfterRebuild(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--origin", origin)
	s.publishMany(t, "a", 20, 20)
	s.awaitNotes(t)
	_, note := s.note(t, tlog.Records)
	noteFile := filepath.Join(t.TempDir(), "note")
	if err := os.WriteFile(noteFile, note, 0o600); err != nil {
		t.Fatal(err)
	}
	source := s.logSource(t, tlog.Records)
	s.stop(t)
	files, err := filepath.Glob(filepath.Join(s.dataDir, "registry.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	// Without its keys nothing is made anew by the way.
	keys := map[string][]byte{}
	for _, log := range tlog.Logs {
		file := filepath.Join(s.dataDir, string(log)+"-note.key")
		if keys[file], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
		must(t, os.Remove(file))
	}
	mustContain(t, refusedStart(t, nil, "--data-dir", s.dataDir, "--origin", origin), "records-note.key is missing", "lost")
	for file, key := range keys {
		if _, err := os.Stat(file); err == nil {
			t.Errorf("%s was made for a registry that had another", file)
		}
		must(t, os.WriteFile(file, key, 0o600))
	}
	files, err = filepath.Glob(filepath.Join(s.dataDir, "registry.db*"))
	must(t, err)
	for _, file := range files {
		must(t, os.Remove(file))
	}
	rebuild := exec.CommandContext(t.Context(), command(t, "warg-personality"), "rebuild", "--data-dir", s.dataDir)
	if output, err := rebuild.CombinedOutput(); err != nil {
		t.Fatalf("rebuild: %v\n%s", err, output)
	}
	s.flags = nil // without its origin, which is in the keys
	s.start(t)
	s.publishMany(t, "b", 2, 5)
	heads := s.awaitNotes(t)
	source.URL = s.url + "/tlog/records/"
	if got, err := readers.TesseraConsistency(t.Context(), source, noteFile); err != nil || got != heads[tlog.Records] {
		t.Errorf("%+v, %v", got, err)
	}
	s.readByOthers(t, heads)
}
