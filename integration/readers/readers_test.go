package readers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/readers"
	"github.com/warg-trillian/warg-trillian/integration/tlogtest"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

const origin = "registry.example.com/tlog/records"

// serve serves a log from a folder.
func serve(t *testing.T, l *tlogtest.Log) (s readers.Source, dir string) {
	t.Helper()
	dir = t.TempDir()
	l.Write(dir)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	return readers.Source{URL: server.URL, Origin: l.Origin(), VKey: l.VKey()}, dir
}

// file writes a file and returns its path.
func file(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// policy writes the policy that demands the log's signature alone.
func policy(t *testing.T, s readers.Source) string {
	t.Helper()
	text, err := s.Policy(0)
	if err != nil {
		t.Fatal(err)
	}
	return file(t, []byte(text))
}

// limited bounds a run of a reader: the program itself gives up after minutes.
func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// refused demands that a reader has refused, for a reason that has some words in it.
func refused(t *testing.T, what string, err error, words string) {
	t.Helper()
	var e *readers.RefusedError
	if !errors.As(err, &e) || !strings.Contains(e.Reason, words) {
		t.Errorf("%s: error %v, want a refusal with %q", what, err, words)
	}
}

// both are the readers that read a whole log.
var both = map[string]func(context.Context, readers.Source, string) (tlog.TreeHead, error){
	"tessera": func(ctx context.Context, s readers.Source, _ string) (tlog.TreeHead, error) {
		return readers.TesseraFsck(ctx, s)
	},
	"torchwood": readers.Torchwood,
}

func TestAccepted(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 2, 255, 256, 257, 700} {
		for _, withMLDSA := range []bool{false, true} {
			l := tlogtest.New(t, origin, size, withMLDSA)
			s, _ := serve(t, l)
			for name, read := range both {
				head, err := read(limited(t), s, policy(t, s))
				if err != nil || head != l.Head(uint64(size)) {
					t.Errorf("%s read %+v of a log of size %d, ML-DSA %v: %v", name, head, size, withMLDSA, err)
				}
			}
		}
	}
}

// A log with more than 256 full tiles has tiles of a third level.
func TestThreeLevels(t *testing.T) {
	t.Parallel()
	l := tlogtest.New(t, origin, 65_536+300, false)
	s, dir := serve(t, l)
	for _, path := range []string{"tile/2/000.p/1", "tile/1/001.p/1", "tile/0/256", "tile/0/257.p/44"} {
		if _, err := os.Stat(filepath.Join(dir, path)); err != nil {
			t.Error(err)
		}
	}
	for name, read := range both {
		if head, err := read(limited(t), s, policy(t, s)); err != nil || head != l.Head(l.Size()) {
			t.Errorf("%s read %+v: %v", name, head, err)
		}
	}
}

// One byte of any file changed, or any file missing, and both readers refuse.
func TestChangedByte(t *testing.T) {
	t.Parallel()
	s, dir := serve(t, tlogtest.New(t, origin, 700, false))
	count := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		count++
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, place := range []int{0, len(content) / 2, len(content) - 2} {
			changed := bytes.Clone(content)
			changed[place] ^= 1
			if err := os.WriteFile(path, changed, 0o644); err != nil {
				return err
			}
			for name, read := range both {
				_, err := read(limited(t), s, policy(t, s))
				refused(t, fmt.Sprintf("%s, byte %d of %s changed", name, place, path), err, "")
			}
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		for name, read := range both {
			_, err := read(limited(t), s, policy(t, s))
			// Where a partial file is missing, tessera names the full one.
			missing, _, _ := strings.Cut(strings.TrimPrefix(path, dir+"/"), ".p/")
			refused(t, fmt.Sprintf("%s, without %s", name, path), err, missing)
		}
		return os.WriteFile(path, content, 0o644)
	})
	if want := 1 + 3 + 1 + 3; err != nil || count != want {
		t.Errorf("changed %d files, want %d: %v", count, want, err)
	}
	for name, read := range both {
		if _, err := read(limited(t), s, policy(t, s)); err != nil {
			t.Errorf("%s refuses the log as it was: %v", name, err)
		}
	}
}

// A bundle with an entry too few is refused by both. tessera does not look at what is
// behind the last entry of a partial bundle; torchwood does.
func TestBundleLength(t *testing.T) {
	t.Parallel()
	l := tlogtest.New(t, origin, 300, false)
	s, dir := serve(t, l)
	write := func(entries ...[]byte) {
		t.Helper()
		bundle, err := tlog.EncodeEntries(entries)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "tile/entries/001.p/44"), bundle, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write(l.Entries[256:299]...)
	for name, read := range both {
		_, err := read(limited(t), s, policy(t, s))
		refused(t, name+", an entry too few", err, "")
	}
	write(append(l.Entries[256:300:300], []byte("one more"))...)
	_, err := readers.Torchwood(limited(t), s, policy(t, s))
	refused(t, "torchwood, an entry too many", err, "leftover")
	if _, err := readers.TesseraFsck(limited(t), s); err != nil {
		t.Errorf("tessera, an entry too many: %v", err)
	}
}

func TestAnotherKeyOrOrigin(t *testing.T) {
	t.Parallel()
	s, _ := serve(t, tlogtest.New(t, origin, 3, false))
	stranger := s
	stranger.VKey = tlogtest.New(t, origin, 0, false).VKey()
	elsewhere := s
	other := tlogtest.New(t, "registry.example.com/tlog/checkpoints", 3, false)
	elsewhere.Origin, elsewhere.VKey = other.Origin(), other.VKey()
	for name, read := range both {
		_, err := read(limited(t), stranger, policy(t, stranger))
		refused(t, name+", the key of another log", err, "")
		_, err = read(limited(t), elsewhere, policy(t, elsewhere))
		refused(t, name+", another log", err, "")
	}
}

func TestTesseraProof(t *testing.T) {
	t.Parallel()
	l := tlogtest.New(t, origin, 700, false)
	s, dir := serve(t, l)
	for _, index := range []uint64{0, 255, 256, 511, 699} {
		head, entry, err := readers.TesseraProof(limited(t), s, index)
		if err != nil || head != l.Head(700) || !bytes.Equal(entry, l.Entries[index]) {
			t.Errorf("entry %d is %q in %+v: %v", index, entry, head, err)
		}
	}
	_, _, err := readers.TesseraProof(limited(t), s, 700)
	refused(t, "an entry behind the log", err, "700")

	bundle, err := tlog.EncodeEntries(append([][]byte{[]byte("another")}, l.Entries[1:256]...))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tile/entries/000"), bundle, 0o644); err != nil {
		t.Fatal(err)
	}
	_, _, err = readers.TesseraProof(limited(t), s, 0)
	refused(t, "another entry", err, "not in the log")
}

func TestTesseraConsistency(t *testing.T) {
	t.Parallel()
	l := tlogtest.New(t, origin, 700, false)
	s, _ := serve(t, l)
	for _, size := range []uint64{0, 1, 256, 300, 512, 699, 700} {
		head, err := readers.TesseraConsistency(limited(t), s, file(t, l.Note(size)))
		if err != nil || head != l.Head(700) {
			t.Errorf("consistent with size %d: %+v, %v", size, head, err)
		}
	}
	fork := l.Fork(200)
	for _, size := range []uint64{201, 256, 699, 700} {
		_, err := readers.TesseraConsistency(limited(t), s, file(t, fork.Note(size)))
		refused(t, fmt.Sprintf("a fork of size %d", size), err, "does not contain")
	}
	l.Append([]byte("one more"))
	_, err := readers.TesseraConsistency(limited(t), s, file(t, l.Note(701)))
	refused(t, "a longer log before", err, "rewound")
}

func TestTorchwoodProof(t *testing.T) {
	t.Parallel()
	l := tlogtest.New(t, origin, 700, false)
	s := readers.Source{Origin: l.Origin(), VKey: l.VKey()}
	const index = 300
	p := tlog.Proof{Index: index, Path: l.Inclusion(index, 700), Note: l.Note(700), Extra: []byte("extra data")}
	entry := file(t, l.Entries[index])
	head, err := readers.TorchwoodProof(limited(t), origin, policy(t, s), file(t, p.Encode()), entry)
	if err != nil || head != l.Head(700) {
		t.Fatalf("%+v, %v", head, err)
	}
	_, err = readers.TorchwoodProof(limited(t), origin, policy(t, s), file(t, p.Encode()), file(t, l.Entries[index+1]))
	refused(t, "another entry", err, "")
	p.Index++
	_, err = readers.TorchwoodProof(limited(t), origin, policy(t, s), file(t, p.Encode()), entry)
	refused(t, "another index", err, "")
	p.Index--
	p.Note = l.Fork(200).Note(700)
	_, err = readers.TorchwoodProof(limited(t), origin, policy(t, s), file(t, p.Encode()), entry)
	refused(t, "the checkpoint of a fork", err, "")
}

func TestPolicy(t *testing.T) {
	s := readers.Source{VKey: "o+1+k"}
	got, err := s.Policy(1, "witness a a+1+k http://127.0.0.1:1", "witness b b+1+k http://127.0.0.1:2")
	want := "log o+1+k\nwitness a a+1+k http://127.0.0.1:1\nwitness b b+1+k http://127.0.0.1:2\ngroup witnesses 1 a b\nquorum witnesses\n"
	if err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	for _, quorum := range []int{-1, 2} {
		if _, err := s.Policy(quorum, "witness a a+1+k"); err == nil {
			t.Errorf("a quorum of %d of one witness is taken", quorum)
		}
	}
	if _, err := s.Policy(1, "a a+1+k"); err == nil {
		t.Error("a line that is not that of a witness is taken")
	}
}
