package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/personality/files"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

type noteKeyCommands struct {
	Show noteKeyShowCommand `cmd:"" help:"Show the public keys (vkeys) of a registry's logs."`
	New  noteKeyNewCommand  `cmd:"" help:"Make a new note key for a log."`
}

type noteKeyShowCommand struct {
	DataDir string   `env:"WARG_DATA_DIR" default:"./data" placeholder:"DIR" help:"Data folder of the registry, whose note keys are shown if no file is named (default: ${default})."`
	File    []string `arg:"" optional:"" help:"Files with note keys."`
}

// Help is shown by `note-key show --help`.
func (noteKeyShowCommand) Help() string {
	return "Prints a line for each key, as the `log` lines of a C2SP tlog-policy need it: the\n" +
		"origin of the log, a hash, and the public key. Nothing that is secret."
}

// Run prints what is public about the keys.
func (c noteKeyShowCommand) Run(std streams) error {
	paths := c.File
	if len(paths) == 0 {
		for _, log := range tlog.Logs {
			paths = append(paths, personality.NoteKeyFile(c.DataDir, log))
		}
	}
	for _, path := range paths {
		key, err := readNoteKey(path)
		if errors.Is(err, fs.ErrNotExist) {
			err = settingError{fmt.Errorf("%w; a registry makes its note keys when it starts for the first time", err)}
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(std.stdout, strings.Join(key.VKeys(), "\n")); err != nil {
			return err
		}
	}
	return nil
}

// readNoteKey reads a note key from a file. Its errors do not quote the text.
func readNoteKey(path string) (*tlog.NoteKey, error) {
	text, err := files.ReadOnce(path, files.SecretSize)
	if err != nil {
		return nil, settingError{err}
	}
	key, err := tlog.ParseNoteKey(string(text))
	if err != nil {
		return nil, settingError{fmt.Errorf("%s: %w", path, err)}
	}
	return key, nil
}

type noteKeyNewCommand struct {
	Origin string  `required:"" placeholder:"NAME" help:"Origin of the registry, such as registry.example.com."`
	Log    string  `required:"" enum:"records,checkpoints" help:"Log that the key is for: records or checkpoints."`
	MLDSA  bool    `name:"ml-dsa" help:"Add a second key, for ML-DSA-44, whose signatures a quantum computer does not forge. Witnesses need the first, for Ed25519."`
	Output *string `short:"o" placeholder:"FILE" help:"File to make for the key, with mode 0600; one that is there is not overwritten. Without it, the key goes to standard output."`
}

// Run makes the key.
func (c noteKeyNewCommand) Run(std streams) error {
	if err := tlog.CheckOrigin(c.Origin); err != nil {
		return settingError{fmt.Errorf("--origin: %w", err)}
	}
	text, err := tlog.GenerateNoteKey(tlog.Log(c.Log).Origin(c.Origin), c.MLDSA)
	if err != nil {
		return err
	}
	return writeSecret(std, c.Output, strings.TrimSuffix(text, "\n"))
}
