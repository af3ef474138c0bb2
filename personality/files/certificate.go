package files

import "crypto/tls"

// ReadCertificate is [tls.LoadX509KeyPair] for files that are read again while
// serving: it waits for nothing, see [Read].
func ReadCertificate(certFile, keyFile string) (*tls.Certificate, error) {
	certPEM, err := Read(certFile, ListSize)
	if err != nil {
		return nil, err
	}
	keyPEM, err := Read(keyFile, SecretSize)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, err
	}
	return &pair, nil
}
