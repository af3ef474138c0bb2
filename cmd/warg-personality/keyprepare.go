package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/personality/files"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

type keyPrepareCommand struct {
	Origin    string `required:"" env:"WARG_ORIGIN" placeholder:"NAME" help:"Origin of the registry, such as registry.example.com."`
	PublicDir string `placeholder:"DIR" help:"Folder for the public keys of both logs, written anew each time: records.vkey and checkpoints.vkey."`
	Dir       string `arg:"" help:"Folder of the keys: operator.key, records-note.key and checkpoints-note.key."`
}

// Help is shown by `key prepare --help`.
func (keyPrepareCommand) Help() string {
	return "Makes the keys that processes of one registry share, those that are missing, and shows\n" +
		"what is public about all. A key that is there stays: with another one, clients and\n" +
		"witnesses would take the registry for an impostor. It may be interrupted and run again."
}

// Run makes the keys. None is made if one that is there cannot be read.
func (c keyPrepareCommand) Run(std streams) error {
	if err := tlog.CheckOrigin(c.Origin); err != nil {
		return settingError{fmt.Errorf("--origin: %w", err)}
	}
	if err := c.checkThose(); err != nil {
		return err
	}
	operator := filepath.Join(c.Dir, "operator.key")
	err := makeMissing(std, operator, func() (string, error) {
		key, err := protocol.GeneratePrivateKey()
		return key.Text() + "\n", err
	})
	if err != nil {
		return err
	}
	if err := (keyInfoCommand{File: operator}).Run(std); err != nil {
		return err
	}
	for _, log := range tlog.Logs {
		if err := c.prepareNoteKey(std, log); err != nil {
			return err
		}
	}
	return nil
}

// checkThose reads the keys that are there.
func (c keyPrepareCommand) checkThose() error {
	_, err := readKeyFile(filepath.Join(c.Dir, "operator.key"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, log := range tlog.Logs {
		key, err := readNoteKey(personality.NoteKeyFile(c.Dir, log))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if name := key.Name(); name != log.Origin(c.Origin) {
			return settingError{fmt.Errorf("--origin: %s is the key of %s, not of %s; the origin of a registry cannot be changed", personality.NoteKeyFile(c.Dir, log), name, log.Origin(c.Origin))}
		}
	}
	return nil
}

func (c keyPrepareCommand) prepareNoteKey(std streams, log tlog.Log) error {
	path := personality.NoteKeyFile(c.Dir, log)
	err := makeMissing(std, path, func() (string, error) { return tlog.GenerateNoteKey(log.Origin(c.Origin), false) })
	if err != nil {
		return err
	}
	key, err := readNoteKey(path)
	if err != nil {
		return err
	}
	public := strings.Join(key.VKeys(), "\n") + "\n"
	if c.PublicDir != "" {
		if err := replaceFile(filepath.Join(c.PublicDir, string(log)+".vkey"), public); err != nil {
			return fmt.Errorf("--public-dir: %w", err)
		}
	}
	_, err = fmt.Fprint(std.stdout, public)
	return err
}

// makeMissing makes a key file unless there is one, or another process is first.
func makeMissing(std streams, path string, generate func() (string, error)) error {
	text, err := generate()
	if err != nil {
		return err
	}
	switch err := files.CreateSecret(path, []byte(text)); {
	case errors.Is(err, fs.ErrExist):
		_, err = fmt.Fprintf(std.stdout, "%s is there\n", path)
		return err
	case err != nil:
		return fmt.Errorf("make a key: %w", err)
	}
	_, err = fmt.Fprintf(std.stdout, "made %s; keep a copy of it\n", path)
	return err
}

// replaceFile writes a file that all may read, whole or not at all.
func replaceFile(path, text string) error {
	temporary := path + ".new"
	err := os.WriteFile(temporary, []byte(text), 0o644)
	if err == nil {
		err = os.Rename(temporary, path)
	}
	return err
}
