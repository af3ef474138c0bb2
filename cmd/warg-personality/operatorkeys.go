package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/warg-trillian/warg-trillian/config"
	"github.com/warg-trillian/warg-trillian/personality/files"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/signer"
)

// operatorSigning bounds one signature of a key command: checkpoints wait for it.
const operatorSigning = 10 * time.Second

// operatorKeys are the keys that settings name, and how to read them again.
type operatorKeys struct {
	from  config.OperatorKeys
	log   *slog.Logger
	piped map[string][]protocol.PrivateKey // of what can be read only once
	token protocol.Signer                  // nil: not opened yet
}

// load returns the keys of WARG_OPERATOR_KEY, else of the operator key files, and those
// that a command and a token sign with.
func (k *operatorKeys) load() ([]protocol.Signer, error) { return k.read(files.ReadOnce) }

// reload returns the keys anew. A pipe is not read again.
func (k *operatorKeys) reload() ([]protocol.Signer, error) { return k.read(files.Read) }

func (k *operatorKeys) read(readFile func(string, int64) ([]byte, error)) ([]protocol.Signer, error) {
	keys, err := k.private(readFile)
	if err != nil {
		return nil, err
	}
	var all []protocol.Signer
	for _, key := range keys {
		all = append(all, key)
	}
	if k.from.OperatorKeyCommand != "" {
		public, err := signer.ReadPublicKey(k.from.OperatorPublicKey)
		if err != nil {
			return nil, settingError{fmt.Errorf("--operator-public-key: %w", err)}
		}
		all = append(all, signer.Command{Line: k.from.OperatorKeyCommand, Key: public, Timeout: operatorSigning})
	}
	if k.from.OperatorKeyPKCS11 != "" {
		if k.token == nil {
			if k.token, err = openToken(string(k.from.OperatorKeyPKCS11)); err != nil {
				return nil, settingError{fmt.Errorf("--operator-key-pkcs11: %w", err)}
			}
		}
		all = append(all, k.token)
	}
	return all, nil
}

// private returns the keys that are in this process's memory.
func (k *operatorKeys) private(readFile func(string, int64) ([]byte, error)) ([]protocol.PrivateKey, error) {
	if k.from.OperatorKey != "" {
		return parseKeys(string(k.from.OperatorKey), config.OperatorKeyVariable)
	}
	var all []protocol.PrivateKey
	for _, named := range k.from.OperatorKeyFile {
		path := string(named)
		keys, known := k.piped[path]
		if !known {
			var err error
			if keys, err = k.file(path, readFile); err != nil {
				return nil, err
			}
		}
		all = append(all, keys...)
	}
	return all, nil
}

func (k *operatorKeys) file(path string, readFile func(string, int64) ([]byte, error)) ([]protocol.PrivateKey, error) {
	warnIfOthersCanRead(path, k.log)
	info, statErr := os.Stat(path)
	keys, err := readKeys(path, readFile)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("--operator-key-file: %w; `warg-personality key new` makes a key", err)
	}
	if err != nil {
		return nil, settingError{err}
	}
	if statErr == nil && !info.Mode().IsRegular() {
		if k.piped == nil {
			k.piped = map[string][]protocol.PrivateKey{}
		}
		k.piped[path] = keys
	}
	return keys, nil
}
