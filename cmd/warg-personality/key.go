package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

type keyCommands struct {
	New  keyNewCommand  `cmd:"" help:"Write a new operator key to standard output."`
	Info keyInfoCommand `cmd:"" help:"Show the public key and the key id of a key file."`
}

type keyNewCommand struct{}

// Help is shown by `key new --help`.
func (keyNewCommand) Help() string {
	return "Writes a new private key, `ecdsa-p256:<base64>`, and nothing else. Keep it from others:\n\n" +
		"  (umask 077 && warg-personality key new > operator.key)"
}

// Run makes the key.
func (keyNewCommand) Run(std streams) error {
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.stdout, key.Text())
	return err
}

type keyInfoCommand struct {
	File string `arg:"" help:"File with a private key."`
}

// Run prints what is public about the key.
func (c keyInfoCommand) Run(std streams) error {
	key, err := readKeyFile(c.File)
	if err != nil {
		return err
	}
	public := key.Public()
	_, err = fmt.Fprintf(std.stdout, "public key: %s\nkey id: %s\n", public, public.ID())
	return err
}

// readKeyFile reads a private key from a file. Its errors do not quote it.
func readKeyFile(path string) (protocol.PrivateKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return protocol.PrivateKey{}, fmt.Errorf("read operator key: %w", err)
	}
	return parseKey(string(data), path)
}

// parseKey parses a private key that came from source; white space around it is
// ignored.
func parseKey(text, source string) (protocol.PrivateKey, error) {
	key, err := protocol.ParsePrivateKey(strings.TrimSpace(text))
	if err != nil {
		return protocol.PrivateKey{}, settingError{fmt.Errorf("%s does not hold a private key of the form ecdsa-p256:<base64>: %w", source, err)}
	}
	return key, nil
}
