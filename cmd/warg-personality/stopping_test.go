package main

import (
	"net/http"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Before it closes connections, a server that is stopped says that it is not ready, and
// serves on.
func TestShutdownDelay(t *testing.T) {
	cmd, address, _ := startProgram(t, "serve", "--listen", "127.0.0.1:0", "--data-dir", filepath.Join(t.TempDir(), "data"), "--shutdown-delay", "1m")
	url := "http://" + address
	ask := func(path string) *http.Response {
		t.Helper()
		answer, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer
	}
	if answer := ask("/readyz"); answer.StatusCode != http.StatusOK || answer.Close {
		t.Errorf("before: %s, close %v", answer.Status, answer.Close)
	}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} { // the second changes nothing
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		for ask("/readyz").StatusCode != http.StatusServiceUnavailable {
			time.Sleep(5 * time.Millisecond)
		}
	}
	if answer := ask("/v1/fetch/checkpoint"); answer.StatusCode != http.StatusOK || !answer.Close {
		t.Errorf("while it stops: %s, close %v", answer.Status, answer.Close)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil { // ends the delay
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
