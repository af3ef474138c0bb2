// Package keys finds the key that a user signs records with: in a file, in the
// environment, behind a command, or in the keyring.
package keys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/home"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/signer"
)

// Environment is the variable with a signing key, for continuous integration.
const Environment = "WARG_KEY"

// Flags say where the signing key is. They are for kong, to be embedded in the flags of a
// command that signs. At most one of the first two is set.
type Flags struct {
	KeyFile    string `type:"path" env:"WARG_KEY_FILE" placeholder:"FILE" help:"File with the signing key, ecdsa-p256:<base64> or a P-256 key in PEM. The variable WARG_KEY may have the key itself. Without either, and without --key-command, it is taken from the keyring."`
	KeyCommand string `env:"WARG_KEY_COMMAND" placeholder:"COMMAND" help:"Shell command that signs: it gets the 32 bytes of a SHA-256 digest on standard input (and in hex in WARG_DIGEST), and writes an ECDSA signature in DER, such as 'openssl pkeyutl -sign -inkey key.pem'. Takes --public-key."`
	PublicKey  string `env:"WARG_PUBLIC_KEY" placeholder:"KEY" help:"Public key of --key-command: ecdsa-p256:<base64>, or a file with that or with PEM."`
}

// Source says where the keyring is, and for which registry the key is.
type Source struct {
	Home     *home.Home
	Registry string // its URL, as [home.Home.Registry] returns it
	Named    string // the text that the user named it by; "" for none
}

// UsageError says that the flags, or the file or variable that they name, do not give a
// key.
type UsageError struct{ error }

func (e UsageError) Unwrap() error { return e.error }

func usage(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

// Load returns the signer that the flags name. A command runs once a signature, and ends
// with ctx. Errors: [UsageError], with [home.ErrNoSecret] or a [*home.BackendError] below
// it if it is the keyring's fault.
func (f Flags) Load(ctx context.Context, from Source) (protocol.Signer, error) {
	inEnvironment := os.Getenv(Environment)
	named := 0
	for _, text := range []string{f.KeyFile, f.KeyCommand, inEnvironment} {
		if text != "" {
			named++
		}
	}
	switch {
	case named > 1:
		return nil, usage("there are several signing keys: use one of --key-file (WARG_KEY_FILE), --key-command (WARG_KEY_COMMAND) and the variable %s", Environment)
	case f.PublicKey != "" && f.KeyCommand == "":
		return nil, usage("--public-key is for --key-command, which is not given")
	case f.KeyFile != "":
		return ReadFile(f.KeyFile)
	case f.KeyCommand != "":
		return f.command(ctx)
	case inEnvironment != "":
		return Parse(inEnvironment, "the variable "+Environment)
	}
	return fromKeyring(from)
}

func fromKeyring(from Source) (protocol.Signer, error) {
	keyring, err := from.Home.Keyring()
	var other *home.BackendError
	if errors.As(err, &other) && other.Backend == "" && len(from.Home.Config.Keys) == 0 {
		return nil, usage("there is no signing key: make one with `warg key new`, or give one with --key-file, WARG_KEY or --key-command: %w", home.ErrNoSecret)
	}
	if err != nil {
		return nil, UsageError{err}
	}
	for _, name := range from.Home.SigningKeys(from.Named, from.Registry) {
		text, err := keyring.SigningKey(name)
		switch {
		case errors.Is(err, home.ErrNoSecret):
			continue
		case err != nil:
			return nil, UsageError{err}
		}
		return Parse(text, fmt.Sprintf("the keyring's key %q", name))
	}
	return nil, usage("the keyring has no signing key: make one with `warg key new`, or give one with --key-file, WARG_KEY or --key-command: %w", home.ErrNoSecret)
}

// maxKeyFile is the size in bytes of the largest key file that is read.
const maxKeyFile = 64 << 10

// ReadFile reads a private key from a file; see [Parse].
func ReadFile(path string) (protocol.PrivateKey, error) {
	f, err := os.Open(path)
	if err != nil {
		return protocol.PrivateKey{}, UsageError{err}
	}
	defer f.Close()
	return Read(f, path)
}

// Read reads a private key from r; see [Parse].
func Read(r io.Reader, source string) (protocol.PrivateKey, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxKeyFile))
	if err != nil {
		return protocol.PrivateKey{}, UsageError{err}
	}
	return Parse(string(text), source)
}

// Parse parses a private key: "ecdsa-p256:<base64>" of the scalar, or PEM as OpenSSL
// writes it, with white space around it. Errors name the source, and do not quote the
// text.
func Parse(text, source string) (protocol.PrivateKey, error) {
	key, err := protocol.ParsePrivateKeyText(text)
	if err != nil {
		return key, usage("%s does not hold a signing key, ecdsa-p256:<base64> or one for P-256 in PEM: %w", source, err)
	}
	return key, nil
}

// ParsePublic parses a public key: "ecdsa-p256:<base64>", or the path of a file with that
// or with PEM.
func ParsePublic(text string) (protocol.PublicKey, error) {
	key, err := signer.ReadPublicKey(text)
	if err != nil {
		return key, UsageError{err}
	}
	return key, nil
}
