package integration

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/trillian"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
)

// gateConfig has Caddy ask for client certificates, which Trillian's servers do not, and
// pass on what it is sent, with TLS as well. docs/operations.md has the same.
const gateConfig = `
{
	admin off
	auto_https off
	persist_config off
}
https://%[1]s:%[2]s {
	bind 127.0.0.1
	tls %[3]q %[4]q {
		client_auth {
			mode require_and_verify
			trust_pool file %[5]q
		}
	}
	reverse_proxy https://%[6]s {
		transport http {
			versions 2
			tls_server_name %[1]s
			tls_trust_pool file %[5]q
		}
	}
}
`

// startGate starts the gate, with the log server's certificate, and returns its address.
// It lets nobody in without a certificate of the authority.
func (b *beside) startGate(t *testing.T, c trillian.Config) (address string) {
	t.Helper()
	address = freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	must(t, err)
	dir := t.TempDir()
	file := filepath.Join(dir, "Caddyfile")
	must(t, os.WriteFile(file, fmt.Appendf(nil, gateConfig, trillianName, port, c.CertFile, c.KeyFile, b.ca.File, b.logServer.RPC), 0o600))
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
