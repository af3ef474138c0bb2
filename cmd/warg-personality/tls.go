package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/warg-trillian/warg-trillian/config"
	"github.com/warg-trillian/warg-trillian/personality/files"
)

// certificate is the server's certificate, read from files and read again when
// told, so that it can be renewed without a restart.
type certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
}

// loadCertificate returns nil if there is to be no TLS.
func loadCertificate(s *config.Serve) (*certificate, error) {
	if s.TLSCertFile == "" {
		return nil, nil
	}
	c := &certificate{certFile: s.TLSCertFile, keyFile: s.TLSKeyFile}
	if err := c.reload(); err != nil {
		return nil, settingError{err}
	}
	return c, nil
}

// reload reads the files. If that fails, the certificate stays as it was.
func (c *certificate) reload() error {
	if c == nil {
		return nil
	}
	pair, err := files.ReadCertificate(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("--tls-cert-file %s with --tls-key-file %s: %w", c.certFile, c.keyFile, err)
	}
	c.current.Store(pair)
	return nil
}

// config is for a server that speaks HTTP/2 and HTTP/1.1 over TLS 1.2 or newer;
// nil without a certificate.
func (c *certificate) config() *tls.Config {
	if c == nil {
		return nil
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

// withCertificate is a registry whose certificate is reloaded with it.
type withCertificate struct {
	service
	certificate *certificate
}

// Reload reloads both, also if one of them fails.
func (w withCertificate) Reload() error {
	return errors.Join(w.service.Reload(), w.certificate.reload())
}
