package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// operatorShow is an entry of an operator record, as JSON and in words.
type operatorShow struct {
	Type        string                        `json:"type"` // init, grant, revoke, defineNamespace or importNamespace
	Key         *protocol.PublicKey           `json:"key,omitempty"`
	KeyID       protocol.KeyID                `json:"keyId,omitempty"`
	Permissions []protocol.OperatorPermission `json:"permissions,omitempty"`
	Namespace   string                        `json:"namespace,omitempty"`
	Registry    string                        `json:"registry,omitempty"`
}

func showEntries(entries []protocol.OperatorEntry) []operatorShow {
	all := make([]operatorShow, len(entries))
	for i, e := range entries {
		shown := operatorShow{KeyID: e.KeyID, Permissions: e.Permissions, Namespace: e.Namespace, Registry: e.Registry}
		if !e.Key.IsZero() {
			shown.Key, shown.KeyID = &e.Key, e.Key.ID()
		}
		switch e.Type {
		case protocol.EntryInit:
			shown.Type = "init"
		case protocol.EntryGrantFlat:
			shown.Type = "grant"
		case protocol.EntryRevokeFlat:
			shown.Type = "revoke"
		case protocol.EntryDefineNamespace:
			shown.Type = "defineNamespace"
		case protocol.EntryImportNamespace:
			shown.Type = "importNamespace"
		}
		all[i] = shown
	}
	return all
}

// words says what an entry does. Texts are quoted: older registries took any.
func (e operatorShow) words() string {
	switch e.Type {
	case "init":
		return fmt.Sprintf("begins with key %s", e.KeyID)
	case "grant":
		return fmt.Sprintf("grants %s to key %s", permissionsText(e.Permissions), e.KeyID)
	case "revoke":
		return fmt.Sprintf("revokes %s of key %q", permissionsText(e.Permissions), e.KeyID)
	case "defineNamespace":
		return fmt.Sprintf("defines namespace %q", e.Namespace)
	}
	return fmt.Sprintf("imports namespace %q from %q", e.Namespace, e.Registry)
}

func permissionsText(all []protocol.OperatorPermission) string {
	if len(all) == 0 {
		return "nothing"
	}
	texts := make([]string, len(all))
	for i, p := range all {
		texts[i] = string(p)
	}
	return strings.Join(texts, ", ")
}

type operatorKeysListCommand struct{ operatorFlags }

// operatorKeyShow is an operator key, as JSON.
type operatorKeyShow struct {
	KeyID       protocol.KeyID                `json:"keyId"`
	Key         protocol.PublicKey            `json:"key"`
	Permissions []protocol.OperatorPermission `json:"permissions"`
	Signs       bool                          `json:"signedLatestCheckpoint"`
}

// Run shows the keys in the order in which the log came to know them.
func (c operatorKeysListCommand) Run(std streams) error {
	s, stop, err := c.open(std)
	if err != nil {
		return err
	}
	defer stop()
	operator, err := s.client.Operator(s.ctx)
	if err != nil {
		return err
	}
	for id, key := range operator.Keys() {
		shown := operatorKeyShow{id, key.Public, append([]protocol.OperatorPermission{}, key.Permissions...), operator.Checkpoint.KeyID == id}
		lines := []string{"key " + string(id), "  public key " + key.Public.String(), "  may: " + permissionsText(key.Permissions)}
		if shown.Signs {
			lines = append(lines, fmt.Sprintf("  signed the latest checkpoint, of %d records", operator.Checkpoint.Contents.LogLength))
		}
		if err := s.show(shown, lines...); err != nil {
			return err
		}
	}
	return nil
}

type operatorLogCommand struct{ operatorFlags }

// operatorRecordShow is a record of the operator log, as JSON.
type operatorRecordShow struct {
	RecordID protocol.Hash    `json:"recordId"`
	Index    uint64           `json:"registryIndex"`
	Prev     protocol.AnyHash `json:"prev,omitempty"`
	Time     time.Time        `json:"time"` // as its signer says
	By       protocol.KeyID   `json:"by"`
	Entries  []operatorShow   `json:"entries"`
}

// Run shows all records, the first first.
func (c operatorLogCommand) Run(std streams) error {
	s, stop, err := c.open(std)
	if err != nil {
		return err
	}
	defer stop()
	records, _, err := s.client.OperatorRecords(s.ctx)
	if err != nil {
		return err
	}
	for _, r := range records {
		shown := operatorRecordShow{r.ID, r.Index, r.Record.Prev, r.Record.Time.Std(), r.Envelope.KeyID, showEntries(r.Record.Entries)}
		lines := []string{
			fmt.Sprintf("record %s", r.ID),
			fmt.Sprintf("  at index %d of the registry's log, dated %s", r.Index, shown.Time.Format(time.RFC3339)),
			fmt.Sprintf("  signed by %s", r.Envelope.KeyID),
		}
		for _, e := range shown.Entries {
			lines = append(lines, "  "+e.words())
		}
		if err := s.show(shown, lines...); err != nil {
			return err
		}
	}
	return nil
}
