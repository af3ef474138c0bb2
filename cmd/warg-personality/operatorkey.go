package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/warg-trillian/warg-trillian/config"
	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/personality/files"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// setOperatorKeys gives the options the keys that the settings name; see
// loadOperatorKeys. If none does, it is the file in the data folder. If that is not
// there, the options get what makes it, for a new registry. A file that a setting names
// is never made: a wrong path must not start a registry with another key.
func setOperatorKeys(o *personality.Options, settings *config.Serve, log *slog.Logger) (err error) {
	from := settings.OperatorKeys
	if !from.Named() {
		path := settings.DefaultOperatorKeyFile()
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			o.NewOperatorKey = func() (protocol.PrivateKey, error) { return makeOperatorKey(path, log) }
		}
		from.OperatorKeyFile = []config.Path{config.Path(path)}
	}
	loaded := &operatorKeys{from: from, log: log}
	o.ReloadOperatorKeys = loaded.reload
	if o.NewOperatorKey == nil {
		o.OperatorKeys, err = loaded.load()
	}
	return err
}

// operatorKeyMissing is the error of a registry whose key is not where the
// settings let it be looked for.
func operatorKeyMissing(settings *config.Serve) error {
	return settingError{fmt.Errorf("%s is missing: put the key of this registry back, or name its file with --operator-key-file; no other key can sign for it, but one that was granted commit", settings.DefaultOperatorKeyFile())}
}

func makeOperatorKey(path string, log *slog.Logger) (protocol.PrivateKey, error) {
	if err := makeKeyFile(path, log); err != nil {
		return protocol.PrivateKey{}, fmt.Errorf("make operator key: %w", err)
	}
	return readKeyFile(path)
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
