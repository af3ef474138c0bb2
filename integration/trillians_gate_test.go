package integration

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/trillian"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
)

// gateConfig takes the Caddyfile of the gate from docs/operations.md, with addresses and
// files of this test.
func (b *beside) gateConfig(t *testing.T, port string, c trillian.Config) string {
	t.Helper()
	page, err := os.ReadFile("../docs/operations.md")
	must(t, err)
	_, config, found := strings.Cut(string(page), "\n```caddyfile\n")
	config, _, ended := strings.Cut(config, "```\n")
	if !found || !ended {
		t.Fatal("docs/operations.md has no Caddyfile of a gate")
	}
	for _, change := range [][2]string{
		{"https://trillian.example:8090 {", "https://" + trillianName + ":" + port + " {\n\tbind 127.0.0.1"},
		{"https://log-server:8090", "https://" + b.logServer.RPC},
		{"/etc/trillian/server.pem", strconv.Quote(c.CertFile)},
		{"/etc/trillian/server.key", strconv.Quote(c.KeyFile)},
		{"/etc/trillian/ca.pem", strconv.Quote(b.ca.File)},
	} {
		if !strings.Contains(config, change[0]) {
			t.Fatalf("the gate's Caddyfile has no %q any more", change[0])
		}
		config = strings.ReplaceAll(config, change[0], change[1])
	}
	return config
}

// startGate starts the gate, with the log server's certificate, and returns its address.
// It lets nobody in without a certificate of the authority.
func (b *beside) startGate(t *testing.T, c trillian.Config) (address string) {
	t.Helper()
	address = freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	must(t, err)
	dir := t.TempDir()
	file := filepath.Join(dir, "Caddyfile")
	must(t, os.WriteFile(file, []byte(b.gateConfig(t, port, c)), 0o600))
	caddy := exec.Command(caddyPath, "run", "--config", file, "--adapter", "caddyfile")
	caddy.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
	startProxy(t, caddy, address, new(output))

	trust := trilliansvc.TLS{CAFile: b.ca.File, ServerName: trillianName}
	b.refused(t, address, trust)
	trust.CertFile, trust.KeyFile = trillian.NewAuthority(t).Issue(t, trillian.Certificate("stranger"))
	b.refused(t, address, trust)
	return address
}

func (b *beside) refused(t *testing.T, address string, trust trilliansvc.TLS) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	s, err := trilliansvc.Dial(ctx, trilliansvc.Options{Target: address, TLS: &trust})
	if err == nil {
		s.Close()
		t.Errorf("the gate takes the client certificate %q", trust.CertFile)
	}
}
