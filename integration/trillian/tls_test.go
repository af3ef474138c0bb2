package trillian

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
)

func refused(t *testing.T, o trilliansvc.Options, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	s, err := trilliansvc.Dial(ctx, o)
	if err == nil {
		s.Close()
		t.Errorf("connected, want an error about %q", want)
	} else if !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one about %q", err, want)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ca := NewAuthority(t)
	c := Config{DSN: newDatabase(t)}
	c.CertFile, c.KeyFile = ca.Issue(t, Certificate("trillian.example"))
	server := StartLogServer(t, c)
	StartSigner(t, c)

	trust := trilliansvc.TLS{CAFile: ca.File, ServerName: "trillian.example"}
	l := openLog(t, dial(t, trilliansvc.Options{Target: server.RPC, TLS: &trust}))
	queue(t, l, leaves(20)...)
	readAll(t, l, leaves(20))

	with := func(change func(*trilliansvc.TLS)) trilliansvc.Options {
		changed := trust
		change(&changed)
		return trilliansvc.Options{Target: server.RPC, TLS: &changed}
	}
	refused(t, trilliansvc.Options{Target: server.RPC}, server.RPC) // no TLS
	refused(t, with(func(c *trilliansvc.TLS) { c.CAFile = "" }), "unknown authority")
	refused(t, with(func(c *trilliansvc.TLS) { c.CAFile = NewAuthority(t).File }), "unknown authority")
	refused(t, with(func(c *trilliansvc.TLS) { c.ServerName = "other.example" }), "other.example")
	refused(t, with(func(c *trilliansvc.TLS) { c.ServerName = "" }), "127.0.0.1")
	refused(t, with(func(c *trilliansvc.TLS) { c.CAFile = "missing.pem" }), "missing.pem")
	refused(t, with(func(c *trilliansvc.TLS) { c.CAFile = "tls_test.go" }), "no certificate")
	refused(t, with(func(c *trilliansvc.TLS) { c.CertFile = ca.File }), "client certificate")
}

// Trillian's own server asks for no client certificate; what stands before it in
// a network may.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	ca := NewAuthority(t)
	c := Config{DSN: newDatabase(t)}
	server := StartLogServer(t, c)
	StartSigner(t, c)
	serverCert, serverKey := ca.Issue(t, Certificate("trillian.example"))
	gate := startGate(t, ca, serverCert, serverKey, server.RPC)

	trust := trilliansvc.TLS{CAFile: ca.File, ServerName: "trillian.example"}
	refused(t, trilliansvc.Options{Target: gate, TLS: &trust}, gate) // TLS 1.3 does not always get to say why
	trust.CertFile, trust.KeyFile = NewAuthority(t).Issue(t, Certificate("stranger"))
	refused(t, trilliansvc.Options{Target: gate, TLS: &trust}, gate)
	trust.CertFile, trust.KeyFile = ca.Issue(t, Certificate("personality"))
	l := openLog(t, dial(t, trilliansvc.Options{Target: gate, TLS: &trust}))
	queue(t, l, leaves(20)...)
	readAll(t, l, leaves(20))
}

// startGate serves TLS to clients that have a certificate of the authority, and
// passes what they send on to target.
func startGate(t *testing.T, ca *Authority, certFile, keyFile, target string) (address string) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	ok(t, err)
	trusted, err := os.ReadFile(ca.File)
	ok(t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(trusted)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: pool,
		ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"h2"},
	})
	ok(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				if client.(*tls.Conn).Handshake() != nil {
					return
				}
				server, err := net.Dial("tcp", target)
				if err != nil {
					return
				}
				defer server.Close()
				go func() { io.Copy(server, client); server.Close() }()
				io.Copy(client, server)
			}()
		}
	}()
	return listener.Addr().String()
}
