package home

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// FlatFile is the keyring backend of both clients that is files; see [Keyring].
const FlatFile = "flat-file"

// Config is the configuration file, in JSON, as the official client 0.10.0 has it
// (warg-client, config.rs). Members that are not known here stay as they are.
type Config struct {
	HomeURL          string // of the registry that is used when none is named
	RegistriesDir    string // where what is remembered of registries is; "": the default
	ContentDir       string // where content is kept; "": the default
	NamespaceMapPath string // of the official client; not used here
	Keys             []string
	KeyringAuth      bool   // a token of the home registry is in the keyring
	KeyringBackend   string // "": the official client's default, which is the system's
	DisableAutoInit  bool   // a first release does not begin its package by itself
	NoInteraction    bool   // never ask, even on a terminal

	path   string // of the file
	exists bool
	others map[string]json.RawMessage
}

// members are the names in the file, and where the values are. The paths stand there
// relative to the file's folder.
func (c *Config) members() (values map[string]any, paths map[string]*string) {
	return map[string]any{
			"homeUrl": &c.HomeURL, "keys": &c.Keys, "keyringAuth": &c.KeyringAuth, "keyringBackend": &c.KeyringBackend,
			"disableAutoPackageInit": &c.DisableAutoInit, "disableInteractive": &c.NoInteraction,
		}, map[string]*string{
			"registriesDir": &c.RegistriesDir, "contentDir": &c.ContentDir, "namespaceMapPath": &c.NamespaceMapPath,
		}
}

// configName is the name of a configuration file for a folder and those below it.
const configName = "warg-config.json"

// findConfig returns the path of the configuration file: warg-config.json in a folder
// or one above it, or else the user's.
func findConfig(dir, userConfig string) string {
	for ; ; dir = filepath.Dir(dir) {
		path := filepath.Join(dir, configName)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
		if dir == filepath.Dir(dir) {
			return filepath.Join(userConfig, "warg", "config.json")
		}
	}
}

// readConfig reads a configuration file. One that is not there is empty.
func readConfig(path string) (*Config, error) {
	c := &Config{path: path}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &c.others); err != nil {
		return nil, fmt.Errorf("configuration file %s: %w", path, err)
	}
	c.exists = true
	values, paths := c.members()
	for name, value := range values {
		if err := c.take(name, value); err != nil {
			return nil, err
		}
	}
	for name, value := range paths {
		if err := c.take(name, value); err != nil {
			return nil, err
		}
		if *value != "" && !filepath.IsAbs(*value) {
			*value = filepath.Join(filepath.Dir(path), *value)
		}
	}
	return c, nil
}

func (c *Config) take(name string, value any) error {
	text, ok := c.others[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(text, value); err != nil {
		return fmt.Errorf("configuration file %s: %s: %w", c.path, name, err)
	}
	return nil
}

// Path is the path of the file.
func (c *Config) Path() string { return c.path }

// Exists says whether there is a file.
func (c *Config) Exists() bool { return c.exists }

// Reset forgets all settings but the names of the keys.
func (c *Config) Reset() { *c = Config{Keys: c.Keys, path: c.path, exists: c.exists} }

// MoveTo has the file be another one from now on.
func (c *Config) MoveTo(path string) { c.path = path }

// AddKey adds the name of a key in the keyring, by which the official client knows
// that it is there.
func (c *Config) AddKey(name string) {
	if !slices.Contains(c.Keys, name) {
		c.Keys = append(c.Keys, name)
	}
}

// Save writes the file, whole or not at all.
func (c *Config) Save() error {
	all := map[string]any{}
	for name, value := range c.others {
		all[name] = value
	}
	values, paths := c.members()
	for name, value := range values {
		all[name] = value
	}
	for name, value := range paths {
		all[name] = c.relative(*value)
	}
	for _, name := range []string{"homeUrl", "keyringBackend", "registriesDir", "contentDir", "namespaceMapPath"} {
		if isEmpty(all[name]) { // the official client takes "" for a value
			delete(all, name)
		}
	}
	if len(c.Keys) == 0 {
		delete(all, "keys")
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := WriteFile(c.path, append(text, '\n'), 0o644); err != nil {
		return err
	}
	c.exists = true
	return nil
}

func isEmpty(value any) bool {
	switch v := value.(type) {
	case string:
		return v == ""
	case *string:
		return *v == ""
	}
	return false
}

// relative returns a path as the file has it.
func (c *Config) relative(path string) string {
	if path == "" {
		return ""
	}
	if shorter, err := filepath.Rel(filepath.Dir(c.path), path); err == nil {
		return shorter
	}
	return path
}
