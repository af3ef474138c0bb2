package recordproof

import (
	"fmt"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
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

	// Cosignatures are those by witnesses of the policy on the tree head, with the
	// times that these claim. They are a quorum if Quorum is not "".
	Cosignatures []witness.Cosignature
	Quorum       string // name of the group or witness that the policy asks for
}

// Proved says in words what the proof shows, a sentence or two each.
func (r Result) Proved() []string {
	checked := fmt.Sprintf("all %d records of the package up to this one were checked, from the first, which key %s signed", r.Records, r.FirstKey)
	if r.Records == 1 {
		checked = "it is the first record of the package"
	}
	said := []string{
		fmt.Sprintf("The content %s was released as %s %s.", r.Digest, r.Name, strings.Join(r.Versions, ", ")),
		fmt.Sprintf("Record %s, dated %s by its author, releases it. It is signed by key %s, which had permission to release: %s.",
			r.RecordID, r.RecordTime.Std().Format(time.RFC3339), r.Signer, checked),
		fmt.Sprintf("The record is at index %d of the log %s with %d entries, which the log has signed with its key %s.", r.Index, r.Head.Origin, r.Head.Size, r.LogKey),
	}
	for _, c := range r.Cosignatures {
		said = append(said, fmt.Sprintf("Witness %s has cosigned this tree head at %s: it has seen no other history of the log.", c.Witness, c.Time.UTC().Format(time.RFC3339)))
	}
	if r.Quorum != "" {
		said = append(said, fmt.Sprintf("These are as many witnesses as the policy asks for (%s).", r.Quorum))
	}
	return said
}

// NotProved says in words what the proof does not show.
func (r Result) NotProved() []string {
	later := fmt.Sprintf("That %s %s is not yanked, or its key not revoked, by a later record: that takes a proof of the package index at a later checkpoint, which the registry gives online.",
		r.Name, strings.Join(r.Versions, ", "))
	namespace := fmt.Sprintf("That the registry's operator has defined the namespace %s: the operator log says that.", r.Name.Namespace())
	return append([]string{later, namespace}, r.NeverProved()...)
}

// NeverProved says in words what is not shown either when the registry has proved what
// became of the release.
func (r Result) NeverProved() []string {
	said := []string{
		"That the log holds no second, contradicting record of the package: auditors of the log check that.",
		"That the content does no harm: the proof says who released it, not what it does.",
	}
	if r.Quorum == "" {
		said = append(said, "That others are shown the same log: no quorum of witnesses was asked for.")
	}
	return said
}
