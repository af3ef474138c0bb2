package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/warg-trillian/warg-trillian/config"
	"github.com/warg-trillian/warg-trillian/personality/files"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// operatorKey is the key that the settings name: WARG_OPERATOR_KEY, else the
// operator key file, else the file in the data folder, which is made if it is
// not there. A file that a setting names is never made: a wrong path must not
// start a registry with another key.
func operatorKey(settings *config.Serve, log *slog.Logger) (protocol.PrivateKey, error) {
	if settings.OperatorKey != "" {
		return parseKey(string(settings.OperatorKey), config.OperatorKeyVariable)
	}
	path := settings.OperatorKeyFile
	if path == "" {
		path = settings.DefaultOperatorKeyFile()
		if err := makeKeyFile(path, log); err != nil {
			return protocol.PrivateKey{}, fmt.Errorf("make operator key: %w", err)
		}
	}
	warnIfOthersCanRead(path, log)
	key, err := readKeyFile(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("--operator-key-file: %w; `warg-personality key new` makes a key", err)
		}
		return protocol.PrivateKey{}, settingError{err}
	}
	return key, nil
}

// makeKeyFile makes a file with a new key unless there is one.
func makeKeyFile(path string, log *slog.Logger) error {
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		return err
	}
	switch err := files.CreateSecret(path, []byte(key.Text()+"\n")); {
	case errors.Is(err, fs.ErrExist):
		return nil // it is there, or another process was first
	case err != nil:
		return err
	}
	log.Info("made a new operator key; keep a copy of it", "file", path, "key_id", key.Public().ID())
	return nil
}

func warnIfOthersCanRead(path string, log *slog.Logger) {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		log.Warn("the operator key file is open to others; use chmod 600", "file", path, "mode", info.Mode().Perm().String())
	}
}
