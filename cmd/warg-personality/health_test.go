package main

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A server is ready by plain HTTP and by TLS, at whatever it listens on; once it has
// stopped it is not.
func TestHealthOfServer(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	writeCertificate(t, certFile, keyFile)
	for name, tls := range map[string][]string{
		"plain": nil,
		"tls":   {"WARG_TLS_CERT_FILE=" + certFile, "WARG_TLS_KEY_FILE=" + keyFile},
	} {
		cmd := program(t, tls, "serve", "--listen", "0.0.0.0:0", "--data-dir", filepath.Join(dir, name))
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(stdout).ReadString('\n')
		_, port, err2 := net.SplitHostPort(strings.TrimSpace(strings.TrimPrefix(line, "listening on ")))
		if err != nil || err2 != nil {
			t.Fatalf("%s: printed %q (%v, %v)", name, line, err, err2)
		}
		for _, listen := range []string{"0.0.0.0:", "127.0.0.1:", ":"} {
			env := append([]string{"WARG_LISTEN=" + listen + port, "HTTP_PROXY=http://127.0.0.1:9"}, tls...)
			if out, said, status := result(t, program(t, env, "health")); status != 0 || !strings.HasPrefix(out, "ready\n") {
				t.Errorf("%s: at %s: status %d, %q %q", name, listen, status, out, said)
			}
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: the server ended with %v", name, err)
		}
		out, said, status := result(t, program(t, append(tls, "WARG_LISTEN=127.0.0.1:"+port), "health"))
		if status != 1 || out != "" || !strings.Contains(said, "does the server run") {
			t.Errorf("%s: stopped: status %d, %q %q", name, status, out, said)
		}
	}
}

func TestHealthSaysWhy(t *testing.T) {
	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/away", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "trillian: no answer", http.StatusServiceUnavailable)
	})
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/fine", http.StatusFound) })
	mux.HandleFunc("/fine", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ready\n")) })
	mux.HandleFunc("/slow", func(http.ResponseWriter, *http.Request) { <-release })
	server := httptest.NewServer(mux)
	defer server.Close()
	defer close(release)
	secure := httptest.NewTLSServer(mux)
	defer secure.Close()
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"--url", server.URL + "/fine"}, 0, "ready"},
		{[]string{"--url", server.URL + "/away"}, 1, "503 Service Unavailable: trillian: no answer"},
		{[]string{"--url", server.URL + "/elsewhere"}, 1, "302 Found"},
		{[]string{"--url", server.URL + "/slow", "--timeout", "100ms"}, 1, "has not answered within 100ms"},
		{[]string{"--url", secure.URL + "/fine"}, 1, "certificate"}, // of another, who could be anybody
		{[]string{"--url", "file:///etc/passwd"}, 2, "not an http or https URL"},
		{[]string{"--url", ""}, 2, "not an http or https URL"},
		{[]string{"--listen", "127.0.0.1:0"}, 2, "say with --url which one"},
		{[]string{"--listen", "nowhere"}, 2, "--listen"},
	} {
		out, said, status := result(t, program(t, nil, append([]string{"health"}, c.args...)...))
		if status != c.status || !strings.Contains(out+said, c.want) {
			t.Errorf("%q: status %d, %q %q, want %d, %q", c.args, status, out, said, c.status, c.want)
		}
	}
}
