package trillian

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
)

// authority issues certificates.
type authority struct {
	dir  string
	file string // its own certificate
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	template := certificate("authority")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	a.file, _ = a.issue(t, template)
	return a
}

func certificate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
}

// issue writes a certificate and its key. The first one is the authority's own.
func (a *authority) issue(t *testing.T, template *x509.Certificate) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ok(t, err)
	if a.cert == nil {
		a.cert, a.key = template, key
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	ok(t, err)
	keyBytes, err := x509.MarshalPKCS8PrivateKey(key)
	ok(t, err)
	write := func(kind string, bytes []byte) string {
		path := filepath.Join(a.dir, template.Subject.CommonName+" "+kind+".pem")
		ok(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600))
		return path
	}
	return write("CERTIFICATE", cert), write("PRIVATE KEY", keyBytes)
}

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
	ca := newAuthority(t)
	c := Config{DSN: newDatabase(t)}
	c.CertFile, c.KeyFile = ca.issue(t, certificate("trillian.example"))
	server := StartLogServer(t, c)
	StartSigner(t, c)

	trust := trilliansvc.TLS{CAFile: ca.file, ServerName: "trillian.example"}
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
	refused(t, with(func(c *trilliansvc.TLS) { c.CAFile = newAuthority(t).file }), "unknown authority")
	refused(t, with(func(c *trilliansvc.TLS) { c.ServerName = "other.example" }), "other.example")
	refused(t, with(func(c *trilliansvc.TLS) { c.ServerName = "" }), "127.0.0.1")
	refused(t, with(func(c *trilliansvc.TLS) { c.CAFile = "missing.pem" }), "missing.pem")
	refused(t, with(func(c *trilliansvc.TLS) { c.CAFile = "tls_test.go" }), "no certificate")
	refused(t, with(func(c *trilliansvc.TLS) { c.CertFile = ca.file }), "client certificate")
}

// Trillian's own server asks for no client certificate; what stands before it in
// a network may.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	c := Config{DSN: newDatabase(t)}
	server := StartLogServer(t, c)
	StartSigner(t, c)
	serverCert, serverKey := ca.issue(t, certificate("trillian.example"))
	gate := startGate(t, ca, serverCert, serverKey, server.RPC)

	trust := trilliansvc.TLS{CAFile: ca.file, ServerName: "trillian.example"}
	refused(t, trilliansvc.Options{Target: gate, TLS: &trust}, gate) // TLS 1.3 does not always get to say why
	trust.CertFile, trust.KeyFile = newAuthority(t).issue(t, certificate("stranger"))
	refused(t, trilliansvc.Options{Target: gate, TLS: &trust}, gate)
	trust.CertFile, trust.KeyFile = ca.issue(t, certificate("personality"))
	l := openLog(t, dial(t, trilliansvc.Options{Target: gate, TLS: &trust}))
	queue(t, l, leaves(20)...)
	readAll(t, l, leaves(20))
}

// startGate serves TLS to clients that have a certificate of the authority, and
// passes what they send on to target.
func startGate(t *testing.T, ca *authority, certFile, keyFile, target string) (address string) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	ok(t, err)
	trusted, err := os.ReadFile(ca.file)
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
