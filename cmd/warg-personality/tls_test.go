package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// writeCertificate makes a certificate for 127.0.0.1 that signs itself, and
// returns a client that trusts it and no other.
func writeCertificate(t *testing.T, certFile, keyFile string) *http.Client {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for path, data := range map[string][]byte{certFile: certPEM, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certPEM)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true, DisableKeepAlives: true}
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// startProgram starts a server, and waits until it says where it listens.
func startProgram(t *testing.T, args ...string) (cmd *exec.Cmd, address string, stderr *bytes.Buffer) {
	t.Helper()
	cmd, stderr = program(t, nil, args...), new(bytes.Buffer)
	cmd.Stderr = stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		t.Fatalf("printed %q (%v): %s", line, err, stderr)
	}
	return cmd, address, stderr
}

// Those who do not speak TLS do not fill the log.
func TestFailedHandshakesAreLoggedOnce(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	client := writeCertificate(t, certFile, keyFile)
	cmd, address, stderr := startProgram(t, "serve", "--listen", "127.0.0.1:0", "--data-dir", filepath.Join(dir, "data"), "--tls-cert-file", certFile, "--tls-key-file", keyFile)
	for range 20 {
		if response, err := http.Get("http://" + address); err == nil {
			response.Body.Close() // 400, as plain HTTP is refused
		}
	}
	if response, err := client.Get("https://" + address + "/healthz"); err != nil {
		t.Errorf("a client that speaks TLS is not answered: %v", err)
	} else {
		response.Body.Close()
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
	if n := strings.Count(stderr.String(), "TLS handshake error"); n != 1 {
		t.Errorf("20 failed handshakes have %d lines in the log, want 1:\n%s", n, stderr)
	}
}

// The certificate is served with HTTP/2, and renewed by SIGHUP; a wrong one
// leaves the one before in force.
func TestServeTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	client := writeCertificate(t, certFile, keyFile)
	cmd, address, stderr := startProgram(t, "serve", "--listen", "127.0.0.1:0", "--data-dir", filepath.Join(dir, "data"), "--tls-cert-file", certFile, "--tls-key-file", keyFile)
	answers := func(client *http.Client) bool {
		response, err := client.Get("https://" + address + "/v1/fetch/checkpoint")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == 200 && response.ProtoMajor == 2
	}
	if !answers(client) {
		t.Error("no HTTP/2 over TLS")
	}
	reload := func(worked func() bool) bool {
		t.Helper()
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		for range 50 {
			if worked() {
				return true
			}
			time.Sleep(20 * time.Millisecond)
		}
		return false
	}
	renewed := writeCertificate(t, certFile, keyFile)
	if !reload(func() bool { return answers(renewed) }) || answers(client) {
		t.Error("SIGHUP did not renew the certificate")
	}
	if err := os.WriteFile(keyFile, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if reload(func() bool { return !answers(renewed) }) {
		t.Error("a wrong key took the certificate away")
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(stderr.String(), "reload failed") {
		t.Errorf("ended with %v: %s", err, stderr)
	}
}

func TestWrongCertificate(t *testing.T) {
	_, stderr, status := result(t, program(t, nil, "serve", "--listen", "127.0.0.1:0", "--tls-cert-file", "none.crt", "--tls-key-file", "none.key"))
	if status != exitUsage || !strings.Contains(stderr, "--tls-cert-file none.crt") {
		t.Errorf("status %d: %s", status, stderr)
	}
}
