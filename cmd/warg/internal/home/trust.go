package home

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Trust says what a user demands of a registry. The zero value believes the operator
// key that is met first.
type Trust struct {
	OperatorKey *protocol.PublicKey `json:"operatorKey,omitempty"` // that the operator log must begin with
	// Policy is the path of a file with a C2SP tlog-policy: witnesses that must have
	// cosigned, and the records log's key.
	Policy string   `json:"policy,omitempty"`
	VKeys  []string `json:"vkeys,omitempty"`  // keys of the records log, for proofs that travel
	MaxAge Duration `json:"maxAge,omitempty"` // of the checkpoint; 0: any
}

// Duration is a time span as text, such as "24h".
type Duration time.Duration

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err == nil && parsed < 0 {
		err = fmt.Errorf("%s is negative", parsed)
	}
	*d = Duration(parsed)
	return err
}

// IsZero says whether there is no span.
func (d Duration) IsZero() bool { return d == 0 }

// trustFile is the settings of trust, by the URL of the registry.
type trustFile struct {
	Registries map[string]Trust `json:"registries"`
}

// trustPath is the path of the file beside the configuration.
func (h *Home) trustPath() string {
	return strings.TrimSuffix(h.Config.path, ".json") + "-trust.json"
}

func (h *Home) readTrust() (trustFile, error) {
	all := trustFile{Registries: map[string]Trust{}}
	text, err := os.ReadFile(h.trustPath())
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return all, fmt.Errorf("settings of trust %s: %w", h.trustPath(), err)
	}
	if all.Registries == nil {
		all.Registries = map[string]Trust{}
	}
	return all, nil
}

// Trust returns what is demanded of the registry at a URL.
func (h *Home) Trust(registry string) (Trust, error) {
	all, err := h.readTrust()
	t := all.Registries[registry]
	if t.Policy != "" && !filepath.IsAbs(t.Policy) {
		t.Policy = filepath.Join(filepath.Dir(h.trustPath()), t.Policy)
	}
	return t, err
}

// SetTrust sets what is demanded of the registry at a URL.
func (h *Home) SetTrust(registry string, t Trust) error {
	all, err := h.readTrust()
	if err != nil {
		return err
	}
	all.Registries[registry] = t
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return WriteFile(h.trustPath(), append(text, '\n'), 0o600)
}
