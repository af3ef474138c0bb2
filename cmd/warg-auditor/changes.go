package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/mirror"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// change is what an entry of a record changes, as JSON.
type change struct {
	Kind        string                       `json:"kind"` // init, grant, revoke, release, yank, sign, invalid
	Key         protocol.KeyID               `json:"key,omitempty"`
	Permissions []protocol.PackagePermission `json:"permissions,omitempty"`
	Version     string                       `json:"version,omitempty"`
	Content     protocol.AnyHash             `json:"content,omitempty"`
	// Unexpected is why the owner is told apart; "" if he expects it.
	Unexpected string `json:"unexpected,omitempty"`
}

func (c change) String() string {
	switch c.Kind {
	case "init":
		return fmt.Sprintf("begins the package with key %s", c.Key)
	case "grant":
		return fmt.Sprintf("gives key %s the permissions %s", c.Key, permissionList(c.Permissions))
	case "revoke":
		return fmt.Sprintf("takes the permissions %s from key %s", permissionList(c.Permissions), c.Key)
	case "release":
		return fmt.Sprintf("releases %s as %s", c.Content, c.Version)
	case "yank":
		return fmt.Sprintf("yanks %s", c.Version)
	case "sign":
		return fmt.Sprintf("is signed by key %s", c.Key)
	}
	return "is invalid"
}

func permissionList(permissions []protocol.PackagePermission) string {
	var texts []string
	for _, p := range permissions {
		texts = append(texts, string(p))
	}
	return strings.Join(texts, " and ")
}

// watchedRecord is a new record of a package that is watched, as JSON.
type watchedRecord struct {
	Package  string         `json:"package"`
	Index    uint64         `json:"index"` // in the records log
	RecordID protocol.Hash  `json:"recordId"`
	Time     time.Time      `json:"time,omitzero"` // as claimed by the author; none of what can not be read
	Signer   protocol.KeyID `json:"signer"`
	Changes  []change       `json:"changes"`
}

// changesOf says what a record changes, and what of that is not expected. A record that
// breaks a rule, with invalid the reason, changes nothing, and stands in the log.
func changesOf(r mirror.Record, record *protocol.PackageRecord, invalid error, e expected) watchedRecord {
	w := watchedRecord{Package: r.Name, Index: r.Index, RecordID: r.Leaf.RecordID, Signer: r.Envelope.KeyID}
	if record != nil {
		w.Time = record.Time.Std()
	}
	if invalid != nil {
		w.Changes = []change{{Kind: "invalid", Unexpected: fmt.Sprintf("it breaks a rule of the log: %v", invalid)}}
		return w
	}
	if !e.keys[w.Signer] {
		w.Changes = append(w.Changes, change{Kind: "sign", Key: w.Signer, Unexpected: "the key is not one of those that are expected"})
	}
	for _, entry := range record.Entries {
		w.Changes = append(w.Changes, changeOf(entry, e))
	}
	return w
}

func changeOf(entry protocol.PackageEntry, e expected) change {
	c := change{Key: entry.KeyID, Permissions: entry.Permissions, Version: entry.Version, Content: entry.Content}
	switch entry.Type {
	case protocol.EntryInit, protocol.EntryGrantFlat:
		c.Kind, c.Key = "grant", entry.Key.ID()
		if entry.Type == protocol.EntryInit {
			c.Kind = "init"
		}
		if !e.keys[c.Key] {
			c.Unexpected = "the key is not one of those that are expected"
		}
	case protocol.EntryRevokeFlat:
		c.Kind = "revoke"
		if e.keys[c.Key] {
			c.Unexpected = "the key is one of those that are expected to have permissions"
		}
	case protocol.EntryRelease:
		c.Kind = "release"
	case protocol.EntryYank:
		c.Kind = "yank"
		if !e.yanks {
			c.Unexpected = "no yank is expected"
		}
	}
	return c
}

// unexpected are the changes that the owner is told apart from the others.
func (w watchedRecord) unexpected() []change {
	var all []change
	for _, c := range w.Changes {
		if c.Unexpected != "" {
			all = append(all, c)
		}
	}
	return all
}

// lines tell a record to people.
func (w watchedRecord) lines() []string {
	what := []string{}
	for _, c := range w.Changes {
		if c.Kind != "sign" {
			what = append(what, c.String())
		}
	}
	when := "without a date"
	if !w.Time.IsZero() {
		when = w.Time.UTC().Format(time.RFC3339)
	}
	lines := []string{fmt.Sprintf("%s: record %d, %s by key %s: %s", w.Package, w.Index, when, w.Signer, strings.Join(what, "; "))}
	for _, c := range w.unexpected() {
		lines = append(lines, fmt.Sprintf("UNEXPECTED %s: record %d %s: %s", w.Package, w.Index, c, c.Unexpected))
	}
	return lines
}
