package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/home"
	"github.com/warg-trillian/warg-trillian/warg/client"
)

// EvidenceError is an error because of which something must not be used, with the file
// that shows it.
type EvidenceError struct {
	Err  error
	File string // "" if it could not be written
}

func (e *EvidenceError) Error() string {
	if e.File == "" {
		return e.Err.Error()
	}
	return fmt.Sprintf("%v\nwhat the registry answered is kept in %s: show it to the registry's operator, and to others who use it", e.Err, e.File)
}

// Unwrap returns Err.
func (e *EvidenceError) Unwrap() error { return e.Err }

// evidence is the file, in JSON.
type evidence struct {
	Time     time.Time    `json:"time"`
	Registry string       `json:"registry"`
	API      string       `json:"api"`
	Claim    client.Claim `json:"claim"` // what the registry did not prove
	Reason   string       `json:"reason"`
	// Remembered is what was verified earlier, by name.
	Remembered map[string]json.RawMessage `json:"remembered,omitempty"`
	// Exchanges are the last ones with the registry, the latest last.
	Exchanges []exchange `json:"exchanges"`
}

// Explain returns err; if it is that the registry did not prove what it said, as an
// [*EvidenceError], after it has written the evidence; and if it is about what is remembered,
// with the file and what to do. Others stay as they are.
func (s *Session) Explain(err error) error {
	var damaged *client.StoreError
	if errors.As(err, &damaged) {
		file := filepath.Join(s.VerifiedDir(), filepath.FromSlash(damaged.Name)+".json")
		return fmt.Errorf("%w\nthis is a fault of the file %s on this machine, not of the registry: restore it, or `warg reset` forgets all that was verified, and the next contact is the first one", err, file)
	}
	var unproven *client.VerificationError
	var already *EvidenceError
	if !errors.As(err, &unproven) || errors.As(err, &already) {
		return err
	}
	kept := &EvidenceError{Err: err}
	e := evidence{
		Time: s.now().UTC(), Registry: s.Registry, API: s.api, Claim: unproven.Claim, Reason: unproven.Err.Error(),
		Remembered: s.remembered(), Exchanges: s.recorder.last(),
	}
	text, failure := json.MarshalIndent(e, "", "  ")
	file := filepath.Join(s.Home.EvidenceDir(), fmt.Sprintf("%s-%s.json", e.Time.Format("20060102T150405.000000000Z"), home.Label(s.Registry)))
	if failure == nil {
		failure = home.WriteFile(file, append(text, '\n'), 0o600)
	}
	if failure != nil {
		kept.Err = errors.Join(err, fmt.Errorf("the evidence could not be written: %w", failure))
		return kept
	}
	kept.File = file
	return kept
}

// remembered is the checkpoint and the operator log that were verified earlier.
func (s *Session) remembered() map[string]json.RawMessage {
	all := map[string]json.RawMessage{}
	for _, name := range []string{"checkpoint", "operator"} {
		if value, err := s.store.Read(context.Background(), name); err == nil && json.Valid(value) {
			all[name] = value
		}
	}
	return all
}
