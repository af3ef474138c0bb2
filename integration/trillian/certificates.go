package trillian

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority issues certificates for tests.
type Authority struct {
	File string // its own certificate, PEM

	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes an authority whose files end with the test.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{dir: t.TempDir()}
	template := Certificate("authority")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	a.File, _ = a.Issue(t, template)
	return a
}

// Certificate is what a certificate says that holds for an hour, for a DNS name and IP
// addresses.
func Certificate(name string, addresses ...net.IP) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name},
		IPAddresses:  addresses,
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
}

// Issue writes a certificate and its key, and returns the files. The first one is the
// authority's own.
func (a *Authority) Issue(t testing.TB, template *x509.Certificate) (certFile, keyFile string) {
	t.Helper()
	fail := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fail(err)
	if a.cert == nil {
		a.cert, a.key = template, key
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	fail(err)
	keyBytes, err := x509.MarshalPKCS8PrivateKey(key)
	fail(err)
	write := func(kind string, bytes []byte) string {
		path := filepath.Join(a.dir, template.Subject.CommonName+" "+kind+".pem")
		fail(os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600))
		return path
	}
	return write("CERTIFICATE", cert), write("PRIVATE KEY", keyBytes)
}
