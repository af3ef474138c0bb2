// Package manifest describes a registry that an earlier version of the server
// has made and left: what it had published, and what it had promised. The
// program integration/upgrade writes manifests, beside the data; the tests of
// upgrading read them.
package manifest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Namespace is that of all packages.
const Namespace = "example"

// Manifest is what must be true of a registry.
type Manifest struct {
	// MadeBy is the commit whose server made the data.
	MadeBy string
	// Checkpoint is the newest that the registry had signed, and Leaves are the
	// leaves that it covers: log id and record id, 64 bytes each.
	Checkpoint protocol.SignedCheckpoint
	Leaves     []byte
	Packages   []*Package
	// Contents are those of all releases, by digest: those that are in the data
	// and those that the registry waits for.
	Contents map[protocol.Hash][]byte
}

// Package is a package with all records that were accepted for it, in order.
type Package struct {
	Name protocol.PackageName
	// Owner and Delegate are private keys, as text. The delegate's has no
	// permission unless a record grants it.
	Owner, Delegate string
	Records         []*Record
}

// Record is a record that was accepted.
type Record struct {
	ID   protocol.Hash
	Body json.RawMessage // as it was posted
	// What the registry said of it at the end. RegistryIndex is of a published
	// one, Reason of a rejected one, Missing of one that waits for content.
	State         api.RecordState
	RegistryIndex uint64          `json:",omitempty"`
	Reason        string          `json:",omitempty"`
	Missing       []protocol.Hash `json:",omitempty"`
	// InFlight is set for those that were complete, as was everything before
	// them, and not published yet: nothing but the registry's own work was left.
	InFlight bool `json:",omitempty"`
}

// Waits reports whether a record is not published for want of content: its own,
// or that of a record before it.
func (r *Record) Waits() bool {
	return r.State == api.StateSourcing || r.State == api.StateProcessing && !r.InFlight
}

// Envelope returns the signed record.
func (r *Record) Envelope() (protocol.Envelope, error) {
	var request api.PublishRecordRequest
	err := request.UnmarshalJSON(r.Body)
	return request.Record, err
}

// file is the manifest's name among the files that it describes.
const file = "manifest.json"

// Read reads the manifest in a folder.
func Read(dir string) (*Manifest, error) {
	path := filepath.Join(dir, file)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := new(Manifest)
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// Write writes the manifest into a folder.
func (m *Manifest) Write(dir string) error {
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, file), append(text, '\n'), 0o600)
}
