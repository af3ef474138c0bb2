package main

import (
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/personality/files"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

type keyCommands struct {
	New     keyNewCommand     `cmd:"" help:"Make a new operator key."`
	Info    keyInfoCommand    `cmd:"" help:"Show the public key and the key id of a key file."`
	Prepare keyPrepareCommand `cmd:"" help:"Make the operator key and the note keys in a folder, those that are missing."`
}

type keyNewCommand struct {
	Output *string `short:"o" placeholder:"FILE" help:"File to make for the key, with mode 0600; one that is there is not overwritten. Without it, the key goes to standard output."`
}

// Help is shown by `key new --help`.
func (keyNewCommand) Help() string {
	return "Writes a new private key, `ecdsa-p256:<base64>`, and nothing else. Keep it from others:\n\n" +
		"  warg-personality key new -o operator.key"
}

// Run makes the key.
func (c keyNewCommand) Run(std streams) error {
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		return err
	}
	return writeSecret(std, c.Output, key.Text())
}

// writeSecret writes a line into a new file that only its owner can read, or to
// standard output if no file is named.
func writeSecret(std streams, file *string, secret string) error {
	if file == nil {
		_, err := fmt.Fprintln(std.stdout, secret)
		return err
	}
	if *file == "" { // as of a variable that is not set: nobody wants to see a secret then
		return settingError{errors.New("--output: no file is named")}
	}
	if err := files.CreateSecret(*file, []byte(secret+"\n")); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	return nil
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
