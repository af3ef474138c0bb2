package recordproof

import (
	"fmt"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Result is what a proof has proved.
type Result struct {
	Name     protocol.PackageName
	Versions []string      // that the record releases with this content; nearly always one
	Digest   protocol.Hash // of the content

	RecordID   protocol.Hash
	RecordTime protocol.Time  // as claimed by the author
	Records    int            // of the package, the one with the release included
	Signer     protocol.KeyID // of the record; it had permission to release
	FirstKey   protocol.KeyID // that began the package

	Head   tlog.TreeHead // of the records log in which the record is
	Index  uint64        // of the record in that log
	LogKey string        // that signed the tree head: "<name>+<hash>"
}

// Proved says in words what the proof shows, a sentence each.
func (r Result) Proved() []string {
	versions := strings.Join(r.Versions, ", ")
	return []string{
		fmt.Sprintf("The content %s was released as %s %s.", r.Digest, r.Name, versions),
		fmt.Sprintf("Record %s, dated %s by its author, releases it. It is signed by key %s, which had permission to release: all %d records of the package up to this one were checked, from the first, which key %s signed.",
			r.RecordID, r.RecordTime.Std().Format(time.RFC3339), r.Signer, r.Records, r.FirstKey),
		fmt.Sprintf("The record is at index %d of the log %s with %d entries, which the log has signed with its key %s.", r.Index, r.Head.Origin, r.Head.Size, r.LogKey),
	}
}

// NotProved says in words what no such proof can show.
func (r Result) NotProved() []string {
	return []string{
		fmt.Sprintf("That %s %s is not yanked by a later record: that takes a proof of the package index at a later checkpoint, which the registry gives online.", r.Name, strings.Join(r.Versions, ", ")),
		"That the key was not revoked or the package not superseded by a later record, for the same reason.",
		"That the log has no second, contradicting record of the package, and that the namespace is defined: auditors of the log check that.",
		"That the content does no harm: the proof says who released it, not what it does.",
	}
}
