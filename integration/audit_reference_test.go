package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/tools"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// startReferenceServer runs the reference, warg-server 0.10.0, which keeps all but
// content in memory.
func startReferenceServer(t *testing.T) *server {
	t.Helper()
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return startReferenceServerOf(t, key, "example")
}

// startReferenceServerOf runs the reference of an operator, with a namespace.
func startReferenceServerOf(t *testing.T, key protocol.PrivateKey, namespace string) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	program, err := tools.Path("warg-server")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--listen", address, "--content-dir", t.TempDir(), "--namespace", namespace)
	cmd.Env = append(os.Environ(), "WARG_OPERATOR_KEY="+key.Text())
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end := func() {
		cmd.Process.Kill()
		cmd.Wait()
	}
	t.Cleanup(end)
	s := &server{url: "http://" + address, end: end}
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(20 * time.Millisecond) {
		status, _, err := request(context.Background(), http.MethodGet, s.url+"/"+api.FetchCheckpointPath, "", nil)
		if err == nil && status == http.StatusOK {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("the reference server does not answer: status %d, %v\n%s", status, err, said.Bytes())
		}
	}
}

// The auditor works on the reference server as well, with what that offers, and says what
// it could not check.
func TestAuditOfTheReferenceServer(t *testing.T) {
	t.Parallel()
	s := startReferenceServer(t)
	var last []*signedRecord
	for _, name := range []string{"example:a", "example:b"} {
		a := newAuthor(t, name)
		content := []byte("content of " + name)
		r, release := a.begin(), a.release(content)
		s.mustSend(t, r)
		s.waitPublished(t, r)
		s.mustSend(t, release)
		s.upload(t, release, content)
		last = append(last, release)
	}
	s.waitPublished(t, last...)

	for range 2 {
		state := filepath.Join(t.TempDir(), "state")
		cmd := exec.CommandContext(t.Context(), command(t, "warg-auditor"), "audit", s.url, "--json", "--content", "--state", state)
		output, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, output)
		}
		lines := strings.Split(strings.TrimSpace(string(output)), "\n")
		var report struct {
			Type      string
			Records   uint64
			Contents  uint64
			Mode      string
			Unchecked []struct{ What, Reason string }
		}
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &report); err != nil {
			t.Fatalf("%v: %s", err, output)
		}
		if report.Records < 5 || report.Mode != "v1" || report.Contents != 2 || len(report.Unchecked) == 0 {
			t.Errorf("%s", output)
		}
	}
}
