package home

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Home is a user's configuration, and where the rest is. It is for one goroutine at a
// time.
type Home struct {
	Config *Config

	userConfig, userCache, userState string
}

// Open opens the configuration file at a path; "": the one in the current folder or
// above it, or else the user's. A file that is not there is an empty configuration.
func Open(config string) (*Home, error) {
	h := new(Home)
	var err error
	if h.userConfig, err = os.UserConfigDir(); err != nil {
		return nil, fmt.Errorf("the folder of your configuration: %w", err)
	}
	if h.userCache, err = os.UserCacheDir(); err != nil {
		return nil, fmt.Errorf("the folder of your caches: %w", err)
	}
	if h.userState, err = stateDir(h.userConfig); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(config)
	if config == "" {
		if path, err = os.Getwd(); err == nil {
			path = findConfig(path, h.userConfig)
		}
	}
	if err != nil {
		return nil, err
	}
	h.Config, err = readConfig(path)
	return h, err
}

// stateDir is where what must outlive a cache is, by the XDG base directory
// specification 0.8; elsewhere than on Unix, the configuration folder.
func stateDir(userConfig string) (string, error) {
	switch runtime.GOOS {
	case "windows", "darwin", "ios", "plan9":
		return userConfig, nil
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return dir, nil
	}
	dir, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("the folder of what is remembered: %w", err)
	}
	return filepath.Join(dir, ".local", "state"), nil
}

// ErrNoRegistry says that no registry is named.
var ErrNoRegistry = errors.New("no registry is set; use `warg config --registry URL`, or the flag --registry")

// Registry returns the URL of a registry: the named one, or else the home registry.
func (h *Home) Registry(named string) (string, error) {
	text := cmp.Or(named, h.Config.HomeURL)
	if text == "" {
		return "", ErrNoRegistry
	}
	return ParseURL(text)
}

// RegistryDir is the folder of what is remembered of the registry at a URL: what was
// verified in its folder "verified", and a pending record. The official client's data
// are not touched.
func (h *Home) RegistryDir(registry string) string {
	return filepath.Join(h.registriesDir(), Label(registry), "warg-go")
}

func (h *Home) registriesDir() string {
	return cmp.Or(h.Config.RegistriesDir, filepath.Join(h.userState, "warg", "registries"))
}

// EvidenceDir is the folder of what registries gave that could not be verified.
func (h *Home) EvidenceDir() string { return filepath.Join(h.userState, "warg", "evidence") }

// ContentDir is the folder of content that was downloaded.
func (h *Home) ContentDir() string {
	return cmp.Or(h.Config.ContentDir, filepath.Join(h.userCache, "warg", "content"))
}

// ContentFile is where content with a digest is kept. What is there may be damaged: its
// digest has to be checked.
func (h *Home) ContentFile(digest protocol.Hash) string {
	return filepath.Join(h.ContentDir(), "sha256", digest.String()[len("sha256:"):])
}

// BackendError says that the configured keyring can not be opened.
type BackendError struct{ Backend, Config string }

func (e *BackendError) Error() string {
	backend := fmt.Sprintf("%q", e.Backend)
	if e.Backend == "" {
		backend = "of the system"
	}
	return fmt.Sprintf("the keyring %s, which %s asks for, is one of the official client alone: use `warg config --keyring-backend %s` and a key of your own there, or give the key with --key-file, WARG_KEY or --key-command",
		backend, e.Config, FlatFile)
}

// Keyring returns the keyring of the configuration. The error is a [*BackendError] if it
// is not the flat-file one.
func (h *Home) Keyring() (Keyring, error) {
	if h.Config.KeyringBackend != FlatFile {
		return Keyring{}, &BackendError{h.Config.KeyringBackend, h.Config.path}
	}
	return Keyring{filepath.Join(h.userConfig, "warg", "keyring")}, nil
}

// UseFlatFile chooses the flat-file keyring for a configuration that has chosen none and
// has no keys in the system's. It reports whether that changed something; the caller
// saves the configuration.
func (h *Home) UseFlatFile() bool {
	if h.Config.KeyringBackend != "" || len(h.Config.Keys) > 0 || h.Config.KeyringAuth {
		return false
	}
	h.Config.KeyringBackend = FlatFile
	return true
}

// DefaultKey is the name of the signing key for registries that have none of their own.
const DefaultKey = "default"

// SigningKeys returns the names under which the keyring may have the signing key for a
// registry, the first first: those that the official client uses. registry is the URL as
// [Home.Registry] returns it, and named the text that the user named it by, "" for none.
func (h *Home) SigningKeys(named, registry string) []string {
	var names []string
	for _, name := range []string{named, registry, Label(registry), DefaultKey} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}
