package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/home"
	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/keys"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

type keyCommands struct {
	New    keyNewCommand    `cmd:"" help:"Make a signing key in the keyring, or in a file."`
	Import keyImportCommand `cmd:"" aliases:"set" help:"Put a signing key into the keyring."`
	Info   keyInfoCommand   `cmd:"" help:"Show the public key and key id of the signing key."`
}

// keyringFlags say which key of which keyring is meant.
type keyringFlags struct {
	Registry string `placeholder:"URL" help:"A key for this registry alone; without it, the key for all that have none of their own."`
	Config   string `type:"path" placeholder:"FILE" help:"Configuration file; without it warg-config.json in this folder or one above it, or else the user's."`
}

// name is the name of the key in the keyring: as the official client names it.
func (f keyringFlags) name() string { return cmp.Or(f.Registry, home.DefaultKey) }

// open opens the keyring, and chooses one if none is chosen.
func (f keyringFlags) open() (*home.Home, home.Keyring, error) {
	h, err := home.Open(f.Config)
	if err != nil {
		return nil, home.Keyring{}, usageError{err}
	}
	h.UseFlatFile()
	keyring, err := h.Keyring()
	return h, keyring, err
}

type shownKey struct {
	KeyID     protocol.KeyID     `json:"keyId"`
	PublicKey protocol.PublicKey `json:"publicKey"`
	File      string             `json:"file,omitempty"`
}

// sayKey shows a key as the official client does.
func sayKey(out *output, key protocol.PublicKey, file string) {
	out.say("key", shownKey{key.ID(), key, file}, fmt.Sprintf("Key ID: %s", key.ID()), fmt.Sprintf("Public Key: %s", key))
}

type keyNewCommand struct {
	keyringFlags
	Output    string `short:"o" type:"path" placeholder:"FILE" help:"Write the key to a new file (0600), for --key-file, and not to the keyring."`
	Overwrite bool   `help:"Replace the key that is in the keyring. Without a copy of it, packages that only it may change stay as they are."`
}

// Run makes a key.
func (c keyNewCommand) Run(_ *environment, out *output) error {
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		return err
	}
	if c.Output != "" {
		if err := writeNewFile(c.Output, key.Text()+"\n"); err != nil {
			return err
		}
		sayKey(out, key.Public(), c.Output)
		return nil
	}
	return c.keep(key, c.Overwrite, out)
}

func writeNewFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return usage("%s is there already, and a key must not be lost: name another file, or remove it yourself", path)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// keep puts a key into the keyring.
func (f keyringFlags) keep(key protocol.PrivateKey, overwrite bool, out *output) error {
	h, keyring, err := f.open()
	if err != nil {
		return err
	}
	if keyring.HasSigningKey(f.name()) && !overwrite {
		return usage("the keyring has a signing key %q already; --overwrite replaces it", f.name())
	}
	if err := keyring.SetSigningKey(f.name(), key.Text()); err != nil {
		return err
	}
	h.Config.AddKey(f.name())
	if err := h.Config.Save(); err != nil {
		return err
	}
	sayKey(out, key.Public(), "")
	return nil
}

// newKeyIfNone makes a default key if there is none for a registry.
func newKeyIfNone(h *home.Home, registry string, out *output) error {
	keyring, err := h.Keyring()
	if err != nil {
		return err
	}
	for _, name := range h.SigningKeys("", registry) {
		if keyring.HasSigningKey(name) {
			return nil
		}
	}
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		return err
	}
	return keyringFlags{Config: h.Config.Path()}.keep(key, false, out)
}

type keyImportCommand struct {
	keyringFlags
	File      string `arg:"" optional:"" type:"path" help:"File with the key, ecdsa-p256:<base64> or a P-256 key in PEM; standard input if it is not given."`
	Overwrite bool   `help:"Replace the key that is in the keyring."`
}

// Run puts a key into the keyring.
func (c keyImportCommand) Run(env *environment, out *output) error {
	var key protocol.PrivateKey
	var err error
	if c.File != "" {
		key, err = keys.ReadFile(c.File)
	} else {
		var text string
		if text, err = env.secret("Signing key (ecdsa-p256:<base64>): "); err == nil {
			key, err = keys.Parse(text, "standard input")
		}
	}
	if err != nil {
		return err
	}
	return c.keep(key, c.Overwrite, out)
}

type keyInfoCommand struct {
	keyringFlags
	keys.Flags
}

// Run shows the key that would sign.
func (c keyInfoCommand) Run(env *environment, out *output) error {
	h, err := home.Open(c.Config)
	if err != nil {
		return usageError{err}
	}
	registry, err := h.Registry(c.Registry)
	if err != nil && !errors.Is(err, home.ErrNoRegistry) {
		return usageError{err}
	}
	signer, err := c.Flags.Load(env.context, keys.Source{Home: h, Registry: registry, Named: c.Registry})
	if err != nil {
		return err
	}
	sayKey(out, signer.Public(), "")
	return nil
}
