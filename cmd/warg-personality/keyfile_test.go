package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func encodePEM(t *testing.T, kind string) func([]byte, error) string {
	return func(der []byte, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
}

// An operator key is read in each form that people have it in.
func TestKeyForms(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	scalar, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	text := "ecdsa-p256:" + base64.StdEncoding.EncodeToString(scalar)
	want, err := protocol.ParsePrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8 := encodePEM(t, "PRIVATE KEY")(x509.MarshalPKCS8PrivateKey(key))
	sec1 := encodePEM(t, "EC PRIVATE KEY")(x509.MarshalECPrivateKey(key))
	// The object identifier of P-256, as `openssl ecparam -genkey` writes it.
	parameters := encodePEM(t, "EC PARAMETERS")([]byte("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"), nil)
	for name, data := range map[string]string{
		"plain": text, "with a line end": text + "\n", "from Windows": "\ufeff" + text + "\r\n",
		"PKCS #8": pkcs8, "PKCS #8 from Windows": "\ufeff" + strings.ReplaceAll(pkcs8, "\n", "\r\n"),
		"SEC 1": sec1, "SEC 1 with parameters": parameters + sec1,
	} {
		file := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := readKeyFile(file)
		if err != nil || got.Text() != want.Text() {
			t.Errorf("%s: another key (%v)", name, err)
		}
	}
}

// What is no key is refused with a word on what it is, and without quoting it.
func TestNotAKey(t *testing.T) {
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.TrimPrefix(key.Text(), "ecdsa-p256:")
	for _, test := range []struct{ name, data, want string }{
		{"nothing", "\r\n", "empty"},
		{"a public key", key.Public().String(), "public key"},
		{"no algorithm", secret, "expected algorithm"},
		{"a key and more", key.Text() + "\n" + secret + "\n", "key 2 in it"},
		{"UTF-16", "\xff\xfee\x00c\x00", "UTF-16"},
		{"another curve", encodePEM(t, "EC PRIVATE KEY")(x509.MarshalECPrivateKey(other)), "ECDSA on P-256"},
		{"another algorithm", encodePEM(t, "PRIVATE KEY")(x509.MarshalPKCS8PrivateKey(edwards)), "ECDSA on P-256"},
		{"a certificate", encodePEM(t, "CERTIFICATE")(nil, nil), "CERTIFICATE"},
		{"encrypted", encodePEM(t, "ENCRYPTED PRIVATE KEY")(nil, nil), "encrypted"},
		{"damaged PEM", "-----BEGIN PRIVATE KEY-----\n" + secret, "no whole block"},
		{"damaged key", encodePEM(t, "PRIVATE KEY")([]byte(secret), nil), "not PKCS #8"},
	} {
		file := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(file, []byte(test.data), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readKeyFile(file)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
}

// Secrets are written into files that only their owner can read, and never over
// what is there.
func TestSecretsIntoFiles(t *testing.T) {
	for _, test := range []struct {
		args   []string
		stdout string // what it begins with
		secret string
	}{
		{[]string{"key", "new"}, "", "ecdsa-p256:"},
		{[]string{"token", "new", "alice"}, "sha256:", "warg_"},
	} {
		file := filepath.Join(t.TempDir(), "secret")
		args := append(test.args, "-o", file)
		stdout, stderr, status := result(t, program(t, nil, args...))
		if status != 0 || stderr != "" || !strings.HasPrefix(stdout, test.stdout) || strings.Contains(stdout, test.secret) || test.stdout == "" && stdout != "" {
			t.Errorf("%v: status %d, %q, %q", args, status, stdout, stderr)
		}
		secret, err := os.ReadFile(file)
		if err != nil || !bytes.HasPrefix(secret, []byte(test.secret)) || bytes.Count(secret, []byte("\n")) != 1 {
			t.Errorf("%v: the file has %d bytes (%v)", args, len(secret), err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode() != fs.FileMode(0o600) {
			t.Errorf("%v: mode %v (%v)", args, info.Mode(), err)
		}
		stdout, stderr, status = result(t, program(t, nil, args...))
		if status != exitFailed || stdout != "" || !strings.Contains(stderr, "exists") || !strings.Contains(stderr, file) {
			t.Errorf("%v again: status %d, %q, %q", args, status, stdout, stderr)
		}
		if again, err := os.ReadFile(file); err != nil || !bytes.Equal(again, secret) {
			t.Errorf("%v again: the file was changed (%v)", args, err)
		}
		stdout, stderr, status = result(t, program(t, nil, append(test.args, "-o", "")...))
		if status != exitUsage || stdout != "" || !strings.Contains(stderr, "--output") || strings.Contains(stderr, test.secret) {
			t.Errorf("%v -o '': status %d, %q, %q", test.args, status, stdout, stderr)
		}
	}
}

// A key can come from a shell's process substitution or standard input.
func TestKeyFromPipe(t *testing.T) {
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteString(key.Text() + "\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	defer r.Close()
	cmd := program(t, nil, "key", "info", "/dev/stdin")
	cmd.Stdin = r
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	if err := cmd.Run(); err != nil || !strings.Contains(stdout.String(), key.Public().String()) {
		t.Errorf("%v: %q", err, stdout.String())
	}
}

// A pipe in the place of a file of settings is an error at once, not a wait.
func TestPipesAreNotWaitedFor(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"--tokens-file", pipe}, {"--authorized-keys-file", pipe}, {"--operator-key-file", pipe},
		{"--tls-cert-file", pipe, "--tls-key-file", pipe},
		{"--trillian", "127.0.0.1:1", "--database-url-file", pipe},
		{"--trillian", "127.0.0.1:1", "--trillian-ca-file", pipe},
	} {
		_, stderr, status := result(t, program(t, nil, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...))
		if status != exitUsage && status != exitFailed || !strings.Contains(stderr, pipe) {
			t.Errorf("%v: status %d, %s", args, status, stderr)
		}
	}
}
