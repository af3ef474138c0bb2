package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/audit"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/tlog/tlogtest"
)

func readAll(t *testing.T, s audit.Source, path string) (string, error) {
	t.Helper()
	status, body, err := s.Open(t.Context(), audit.Request{Method: http.MethodGet, Path: path})
	if err != nil || status != http.StatusOK {
		return "", os.ErrNotExist
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	return string(text), err
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(file, []byte(text), 0o644))
	return file
}

// A proof of a real registry's release is verified offline, and online until the
// release is yanked.
func TestProveAndVerify(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	r.release("example:other", "1.0.0", "other")
	r.release("example:hello", "1.0.0", "first")
	r.release("example:hello", "2.0.0", "second")
	file, proof := write(t, "hello.wasm", "first"), filepath.Join(t.TempDir(), "hello.tlog-proof")
	records, key := r.vkeys[0], r.key.Public().String()
	expect(t, 0, "proves the release of example:hello 1.0.0", "prove", r.url, "example:hello", "1.0.0", "-o", proof, "--vkey", records)

	expect(t, 0, "was released as example:hello 1.0.0", "verify", file, "--proof", proof, "--vkey", records)
	expect(t, 0, "no quorum of witnesses", "verify", file, "--proof", proof, "--vkey", records)
	policy := write(t, "policy", "log "+records+"\nquorum none\n")
	expect(t, 0, "was released as", "verify", file, "--proof", proof, "--policy", policy, "--package", "example:hello", "--version", "1.0.0")
	expect(t, 0, "proves the release of example:hello 1.0.0", "prove", r.url, "example:hello", "1.0.0", "-o", proof, "--policy", policy)

	expect(t, 2, "no key of a log is pinned: give", "verify", file, "--proof", proof)
	expect(t, 2, "no such file", "verify", file, "--proof", proof+"x", "--vkey", records)
	expect(t, 2, "no such file", "verify", file+"x", "--proof", proof, "--vkey", records)
	expect(t, 2, "--vkey", "verify", file, "--proof", proof, "--vkey", "nonsense")
	expect(t, 2, "--policy", "verify", file, "--proof", proof, "--policy", file)
	expect(t, 1, "not about this content", "verify", write(t, "x", "second"), "--proof", proof, "--vkey", records)
	expect(t, 1, "another release", "verify", file, "--proof", proof, "--vkey", records, "--version", "2.0.0")
	expect(t, 1, "another release", "verify", file, "--proof", proof, "--vkey", records, "--package", "example:other")
	expect(t, 1, "NOT PROVED", "verify", file, "--proof", file, "--vkey", records)
	other := openRegistry(t)
	expect(t, 1, "not trusted", "verify", file, "--proof", proof, "--vkey", other.vkeys[0])

	online := []string{"verify", file, "--proof", proof, "--vkey", records, "--operator-key", key, "--online", r.url}
	expect(t, 0, "It is not yanked as of the registry's latest checkpoint", online...)
	expect(t, 1, "NOT PROVED: the registry at", append(online, "--operator-key", newKey(t).Public().String())...)
	r.release("example:hello", "3.0.0", "third")
	said := expect(t, 0, `"holds":true`, append(online, "--json")...)
	var answer struct {
		Versions []string
		Online   struct{ LogLength uint64 }
		Proved   []string
	}
	if err := json.Unmarshal([]byte(said), &answer); err != nil || answer.Versions[0] != "1.0.0" || answer.Online.LogLength < 5 || len(answer.Proved) < 4 {
		t.Errorf("%v in %s", err, said)
	}
	r.publish("example:hello", nil, client.Yank("1.0.0"))
	expect(t, 1, "is yanked: by key", online...)
	expect(t, 0, "Not proved:\n  That example:hello 1.0.0 is not yanked", "verify", file, "--proof", proof, "--vkey", records)

	// Another registry, whose log is not that of the proof.
	online = []string{"verify", file, "--proof", proof, "--vkey", records, "--online", other.url}
	expect(t, 1, "NOT PROVED", online...)
	for _, version := range []string{"1.0.0", "2.0.0", "3.0.0", "4.0.0", "5.0.0"} {
		other.release("example:hello", version, "first")
	}
	expect(t, 1, "does not prove that its log", online...)
	expect(t, 2, "", "verify", file, "--proof", proof, "--vkey", records, "--online", "http://127.0.0.1:1")
}

func TestProveRefuses(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	r.release("example:hello", "1.0.0", "first")
	file := filepath.Join(t.TempDir(), "proof")
	expect(t, 1, "NO PROOF: no record releases example:hello 2.0.0: the log has 1 records", "prove", r.url, "example:hello", "2.0.0", "-o", file, "--from-files")
	expect(t, 1, "the log has 0 records", "prove", r.url, "example:none", "2.0.0", "-o", file, "--from-files")
	expect(t, 1, "NO PROOF: the registry has no proof: release `2.0.0` of package `example:hello` is not in", "prove", r.url, "example:hello", "2.0.0", "-o", file)
	expect(t, 2, `version "2"`, "prove", r.url, "example:hello", "2", "-o", file)
	expect(t, 2, "Example", "prove", r.url, "Example", "2.0.0", "-o", file)
	if _, err := os.Stat(file); err == nil {
		t.Error("a proof is written")
	}
	expect(t, 0, "not verified", "prove", r.url, "example:hello", "1.0.0", "-o", file)
	expect(t, 1, "NO PROOF: what the registry gave does not hold", "prove", r.url, "example:hello", "1.0.0", "-o", file, "--vkey", openRegistry(t).vkeys[0])
}

// A registry that makes proofs itself is asked for them, and not believed.
func TestProveAsks(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	r.release("example:hello", "1.0.0", "first")
	file := filepath.Join(t.TempDir(), "proof")
	expect(t, 0, "", "prove", r.url, "example:hello", "1.0.0", "-o", file)
	made, err := os.ReadFile(file)
	must(t, err)
	served := made
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path != "/tlog/records/proof/example/hello/1.0.0" {
			t.Errorf("%s is asked for", q.URL)
		}
		w.Write(served)
	}))
	defer web.Close()
	expect(t, 0, "proves the release", "prove", web.URL, "example:hello", "1.0.0", "-o", file, "--vkey", r.vkeys[0])
	served = []byte(strings.Replace(string(made), "\nindex 1\n", "\nindex 0\n", 1))
	expect(t, 1, "does not hold", "prove", web.URL, "example:hello", "1.0.0", "-o", file, "--vkey", r.vkeys[0])
	served = []byte("nonsense")
	expect(t, 1, "no proof of C2SP tlog-proof", "prove", web.URL, "example:hello", "1.0.0", "-o", file)
}

func TestExport(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	r.release("example:hello", "1.0.0", "first")
	dir := filepath.Join(t.TempDir(), "mirror")
	pinned := []string{"--vkey", r.vkeys[0], "--vkey", r.vkeys[1]}
	expect(t, 0, origin+"/tlog/records: 2 leaves, 0 before", append([]string{"export", r.url, dir, "--content"}, pinned...)...)
	r.release("example:hello", "2.0.0", "second")
	said := expect(t, 0, `"keys":"remembered"`, "export", r.url, dir, "--content", "--json")
	if !strings.Contains(said, `"before":2,"size":3`) || !strings.Contains(said, `"fetched":1`) {
		t.Error(said)
	}
	second, err := os.ReadFile(filepath.Join(dir, "content", strings.Replace(protocol.HashOf([]byte("second")).String(), ":", "-", 1)))
	if err != nil || string(second) != "second" {
		t.Errorf("%q, %v", second, err)
	}

	// The folder is a registry for those who read files, over HTTP and not.
	web := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer web.Close()
	for _, place := range []string{web.URL, dir} {
		expect(t, 0, "3 leaves, 0 before", append([]string{"export", place, t.TempDir(), "--content"}, pinned...)...)
		file := filepath.Join(t.TempDir(), "proof")
		expect(t, 0, "proves the release", "prove", place, "example:hello", "2.0.0", "-o", file, "--vkey", r.vkeys[0])
	}
	// What is damaged or missing is repaired: what is missing always, the rest if it is verified.
	file := filepath.Join(dir, "content", strings.Replace(protocol.HashOf([]byte("first")).String(), ":", "-", 1))
	must(t, os.Remove(file))
	expect(t, 0, "contents: 1 fetched, 5 bytes; 1 of them were damaged or missing", "export", r.url, dir, "--content")
	must(t, os.WriteFile(file, []byte("First"), 0o644))
	tile := filepath.Join(dir, "tlog/records/tile/0/000.p/3")
	must(t, os.WriteFile(tile, make([]byte, 96), 0o644))
	said = expect(t, 0, "1 of them were damaged or missing in the folder", "export", r.url, dir, "--content", "--verify")
	if strings.Count(said, "1 of them were damaged") != 2 {
		t.Error(said)
	}
	expect(t, 0, "nothing was found", append([]string{"audit", dir, "--content"}, pinned...)...)
	expect(t, 2, "not copied: the content of example:hello 1.0.0", "export", r.url, t.TempDir(), "--content", "--max-content", "1")
	os.Remove(filepath.Join(dir, "content", strings.Replace(protocol.HashOf([]byte("second")).String(), ":", "-", 1)))
	expect(t, 1, "content-withheld: the registry does not give the content of example:hello 2.0.0", "export", dir, t.TempDir(), "--content")
	must(t, os.WriteFile(filepath.Join(dir, "content", strings.Replace(protocol.HashOf([]byte("second")).String(), ":", "-", 1)), []byte("else"), 0o644))
	expect(t, 1, "content-altered", "export", dir, t.TempDir(), "--content")
	expect(t, 0, "the keys that the registry gave are remembered", "export", r.url, t.TempDir())
	other := openRegistry(t)
	expect(t, 1, "FOUND inconsistent in checkpoints: tlog/checkpoints/checkpoint: ", "export", other.url, dir)
	expect(t, 2, "http://127.0.0.1:1", "export", "http://127.0.0.1:1", t.TempDir())
	expect(t, 2, "neither a folder nor a URL", "export", "ftp://127.0.0.1:1", t.TempDir())
	expect(t, 2, "of no log of a registry", "export", r.url, t.TempDir(), "--vkey", otherKey(t))
	// The same key twice is a mistake that would leave the other log without any.
	for _, command := range [][]string{{"audit", r.url}, {"export", r.url, t.TempDir()}, {"watch", r.url, "example:hello", "--once"}, {"follow", r.url, "--state", t.TempDir()}} {
		expect(t, 2, "is given twice", append(command, "--vkey", r.vkeys[0], "--vkey", r.vkeys[0])...)
		expect(t, 2, "are of two registries", append(command, "--vkey", r.vkeys[0], "--vkey", tlogtest.NoteKey(t, "other.example.com/tlog/checkpoints").VKeys()[0])...)
	}
}

func otherKey(t *testing.T) string {
	t.Helper()
	text, err := tlog.GenerateNoteKey("witness.example.com", false)
	must(t, err)
	key, err := tlog.ParseNoteKey(text)
	must(t, err)
	return key.VKeys()[0]
}

func TestUsage(t *testing.T) {
	expect(t, 2, "expected", "audi")
	expect(t, 2, "missing flags: --proof=FILE", "verify", "x")
	expect(t, 2, "neither a URL", "audit", filepath.Join(t.TempDir(), "none"))
	expect(t, 2, "is not a public key", "audit", "http://127.0.0.1:1", "--operator-key", "x")
	expect(t, 0, "warg-auditor ", "version")
}

// A private registry gets the token, and nobody else does.
func TestToken(t *testing.T) {
	r := openRegistry(t)
	r.release("example:hello", "1.0.0", "first")
	place := private(t, r.url)
	pinned := []string{"--vkey", r.vkeys[0], "--vkey", r.vkeys[1]}
	expect(t, 2, "401", append([]string{"export", place, t.TempDir()}, pinned...)...)
	t.Setenv("WARG_TOKEN", "secret")
	expect(t, 0, "1 fetched", append([]string{"export", place, t.TempDir(), "--content"}, pinned...)...)
	expect(t, 0, "nothing was found", append([]string{"audit", place, "--content", "--evidence-dir", t.TempDir()}, pinned...)...)
	file, proof := write(t, "hello.wasm", "first"), filepath.Join(t.TempDir(), "proof")
	expect(t, 0, "proves", "prove", place, "example:hello", "1.0.0", "-o", proof, "--vkey", r.vkeys[0])
	expect(t, 0, "It is not yanked", "verify", file, "--proof", proof, "--vkey", r.vkeys[0], "--online", place)
	expect(t, 0, "", "watch", place, "example:hello", "--once", "--vkey", r.vkeys[0])
}

// private stands before a registry, and wants a token; content is elsewhere, where
// nobody may show it.
func private(t *testing.T, of string) string {
	target, err := url.Parse(of)
	must(t, err)
	content := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Authorization") != "" {
			t.Errorf("%s gets the token", q.URL)
		}
		httputil.NewSingleHostReverseProxy(target).ServeHTTP(w, q)
	}))
	t.Cleanup(content.Close)
	elsewhere, err := url.Parse(content.URL)
	must(t, err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = elsewhere.Host }}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Authorization") != "Bearer secret" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		proxy.ServeHTTP(w, q)
	}))
	t.Cleanup(web.Close)
	return web.URL
}

// An export that is killed at any point goes on, and nothing is left over.
func TestExportKilled(t *testing.T) {
	t.Parallel()
	r := tlogtest.New(t)
	r.Init("example:a")
	for n := range 1500 {
		r.Release("example:a", fmt.Sprintf("1.0.%d", n), []byte("x"))
	}
	files := r.Files()
	serve := tlogtest.Serve(files)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		time.Sleep(5 * time.Millisecond)
		serve.ServeHTTP(w, q)
	}))
	defer web.Close()
	dir := filepath.Join(t.TempDir(), "mirror")
	args := []string{"export", web.URL, dir, "--parallel", "2", "--vkey", r.Keys[tlog.Records].VKeys()[0], "--vkey", r.Keys[tlog.Checkpoints].VKeys()[0]}
	for n := range 8 {
		cmd := exec.Command(os.Args[0], args...)
		cmd.Env = append(os.Environ(), runAsProgram+"=1")
		must(t, cmd.Start())
		time.Sleep(time.Duration(30+10*n) * time.Millisecond)
		cmd.Process.Kill()
		cmd.Wait()
	}
	expect(t, 0, "1502 leaves", args...)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		if err != nil || d.IsDir() || strings.HasPrefix(name, ".export") || d.Name() == "vkeys" {
			return err
		}
		text, err := os.ReadFile(path)
		if want, ok := files[name]; !ok || string(want) != string(text) {
			t.Errorf("%s is not the registry's", name)
		}
		delete(files, name)
		return err
	})
	if err != nil || len(files) > 0 {
		t.Errorf("%v; %d files are missing", err, len(files))
	}
}
