package home

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Keyring is the flat-file keyring of both clients: a folder (0700) with a file (0600)
// a secret. The name of a file has what it is for, as the official client writes it
// (warg-client 0.10.0, keyring/flatfile.rs). Secrets stand in it without a newline.
type Keyring struct{ dir string }

// ErrNoSecret says that the keyring does not have what was asked for.
var ErrNoSecret = errors.New("it is not in the keyring")

// Services of the secrets.
const (
	signingKeyService = "warg-signing-key"
	tokenService      = "warg-auth-token:" // with the label of the registry behind it
)

// SigningKey returns the text of a signing key, "ecdsa-p256:<base64>".
func (k Keyring) SigningKey(user string) (string, error) { return k.read(signingKeyService, user) }

// SetSigningKey sets a signing key.
func (k Keyring) SetSigningKey(user, text string) error {
	return k.write(signingKeyService, user, text)
}

// HasSigningKey says whether there is a signing key.
func (k Keyring) HasSigningKey(user string) bool {
	_, err := os.Stat(k.path(signingKeyService, user))
	return err == nil
}

// Token returns the token of the registry at a URL.
func (k Keyring) Token(registry string) (string, error) {
	return k.read(tokenService+Label(registry), Label(registry))
}

// SetToken sets the token of the registry at a URL.
func (k Keyring) SetToken(registry, token string) error {
	return k.write(tokenService+Label(registry), Label(registry), token)
}

// DeleteToken removes the token of the registry at a URL.
func (k Keyring) DeleteToken(registry string) error {
	err := os.Remove(k.path(tokenService+Label(registry), Label(registry)))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNoSecret
	}
	return err
}

func (k Keyring) path(service, user string) string {
	return filepath.Join(k.dir, "service="+formEncode(service)+"&user="+formEncode(user))
}

// formEncode encodes as application/x-www-form-urlencoded. Of the characters that need
// no escape, Go has ~ and lacks *, other than the standard (and Rust's url crate).
func formEncode(text string) string {
	return strings.NewReplacer("%2A", "*", "~", "%7E").Replace(url.QueryEscape(text))
}

func (k Keyring) read(service, user string) (string, error) {
	text, err := os.ReadFile(k.path(service, user))
	if errors.Is(err, fs.ErrNotExist) {
		return "", ErrNoSecret
	}
	if err != nil {
		return "", fmt.Errorf("keyring: %w", err)
	}
	return string(text), nil
}

func (k Keyring) write(service, user, secret string) error {
	if err := WriteFile(k.path(service, user), []byte(secret), 0o600); err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	return os.Chmod(k.dir, 0o700)
}
