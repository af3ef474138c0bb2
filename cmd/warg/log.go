package main

import (
	"fmt"
	"time"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/session"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

type logCommand struct {
	Package packageName `arg:"" help:"Package, such as example:hello."`
	session.Flags
}

// recordShown is a record as JSON.
type recordShown struct {
	RecordID protocol.Hash    `json:"recordId"`
	Index    uint64           `json:"registryIndex"`
	Prev     protocol.AnyHash `json:"prev,omitempty"`
	Time     time.Time        `json:"time"` // as the author says
	By       protocol.KeyID   `json:"by"`
	Entries  []entry          `json:"entries"`
}

// Run shows all records of a package, the first first.
func (c logCommand) Run(env *environment, out *output) error {
	return env.withRegistry(out, c.Flags, func(s *session.Session) error {
		records, _, err := s.Client.Records(env.context, c.Package.PackageName)
		if err != nil {
			return err
		}
		for _, r := range records {
			shown := recordShown{r.ID, r.Index, r.Record.Prev, r.Record.Time.Std(), r.Envelope.KeyID, entriesOf(r)}
			lines := []string{
				fmt.Sprintf("record %s", r.ID),
				fmt.Sprintf("  at index %d of the registry's log, dated %s", r.Index, date(r.Record.Time)),
				fmt.Sprintf("  signed by %s", r.Envelope.KeyID),
			}
			for _, e := range shown.Entries {
				lines = append(lines, "  "+e.words())
			}
			out.say("record", shown, lines...)
		}
		return nil
	})
}

// entriesOf are the entries of a record that was read.
func entriesOf(r client.LoggedRecord) []entry {
	all := make([]entry, len(r.Record.Entries))
	for i, e := range r.Record.Entries {
		shown := entry{Version: e.Version, KeyID: e.KeyID, Permissions: e.Permissions}
		switch e.Type {
		case protocol.EntryInit:
			shown.Type, shown.Key = "init", &e.Key
		case protocol.EntryGrantFlat:
			shown.Type, shown.Key = "grant", &e.Key
		case protocol.EntryRevokeFlat:
			shown.Type = "revoke"
		case protocol.EntryYank:
			shown.Type = "yank"
		case protocol.EntryRelease:
			shown.Type = "release"
			if digest, err := e.Content.Hash(); err == nil {
				shown.Content = &digest
			}
		}
		all[i] = shown
	}
	return all
}
