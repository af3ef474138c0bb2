package witness

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Policy says which logs are known, which witnesses, and which of these must have
// cosigned a checkpoint. It comes from [ParsePolicy] and does not change, so its
// methods are safe for concurrent use.
type Policy struct {
	logs      []LogKey
	witnesses []Witness
	quorum    *node // nil for "quorum none"
}

// LogKey is a key that signs for a log.
type LogKey struct {
	Origin string // of the log; the name of the key
	VKey   string // the key in text
	URL    string // as the policy has it, unchecked; "" if it has none
}

// Witness is a witness of a policy. It is identified by its key.
type Witness struct {
	// Name is what the policy calls it. It means nothing elsewhere, and need not be
	// UTF-8 (tlog-policy, "Character set").
	Name string
	// Key identifies the witness: SHA-256 of the name of its key, a newline, the
	// key's type, and the key. Its first four bytes are the id of the key
	// (tlog-cosignature, "Format").
	Key protocol.Hash
	// VKey is the key in text, of type 0x04 (Ed25519) or 0x06 (ML-DSA-44).
	VKey string
	// URL is the submission prefix, as the policy has it; "" if it has none. See
	// [Policy.CheckURLs].
	URL string

	verifier note.Verifier // of its cosignatures
}

// node is a witness or a group, below a quorum.
type node struct {
	name      string
	key       protocol.Hash // of a witness
	threshold int           // of a group: how many of its members it takes; 0 for a witness
	members   []*node
}

// satisfied says whether a witness has cosigned, or enough members of a group.
func (n *node) satisfied(have map[protocol.Hash]bool) bool {
	if n.threshold == 0 {
		return have[n.key]
	}
	count := 0
	for _, m := range n.members {
		if m.satisfied(have) {
			count++
		}
	}
	return count >= n.threshold
}

// Logs returns the keys of the known logs, in the order of the policy. It may have
// none, where the log is known otherwise (tlog-policy).
func (p *Policy) Logs() []LogKey { return slices.Clone(p.logs) }

// Witnesses returns the witnesses, in the order of the policy; those too that the
// quorum does not ask for.
func (p *Policy) Witnesses() []Witness { return slices.Clone(p.witnesses) }

// Quorum is the name of the witness or group that must have cosigned, "none" if
// nobody must.
func (p *Policy) Quorum() string {
	if p.quorum == nil {
		return noQuorum
	}
	return p.quorum.name
}

// Satisfied reports whether those who made the cosignatures are a quorum. They must
// be verified, and all of one checkpoint, as those of [Policy.Cosignatures] are. Who
// has cosigned is told by keys, not by names, so the cosignatures may come from
// another policy. "quorum none" is satisfied by anything.
func (p *Policy) Satisfied(cosignatures []Cosignature) bool {
	if p.quorum == nil {
		return true
	}
	have := make(map[protocol.Hash]bool, len(cosignatures))
	for _, c := range cosignatures {
		have[c.Key] = true
	}
	return p.quorum.satisfied(have)
}

// QuorumTime returns the latest time at or after which a quorum has cosigned: how
// fresh the checkpoint is by the policy, whatever time a minority says. False if the
// cosignatures are no quorum, or the policy asks for none.
func (p *Policy) QuorumTime(cosignatures []Cosignature) (time.Time, bool) {
	if p.quorum == nil {
		return time.Time{}, false
	}
	latest := slices.SortedFunc(slices.Values(cosignatures), func(a, b Cosignature) int { return b.Time.Compare(a.Time) })
	for n := range latest {
		if p.Satisfied(latest[:n+1]) {
			return latest[n].Time, true
		}
	}
	return time.Time{}, false
}

// CheckLog verifies that a log of the policy has signed a note, with any of its keys,
// and returns the tree head. Cosignatures are not looked at.
func (p *Policy) CheckLog(signed []byte) (tlog.TreeHead, error) {
	n, head, err := open(signed)
	if err != nil {
		return tlog.TreeHead{}, err
	}
	if len(p.logs) == 0 {
		return tlog.TreeHead{}, errors.New("the policy lists no log; add a line: log <vkey>")
	}
	var failures []error
	for _, l := range p.logs {
		if l.Origin != head.Origin {
			continue
		}
		v, err := tlog.NewVerifier(l.VKey)
		if err == nil {
			_, err = note.Open(signed, note.VerifierList(v))
		}
		if err == nil {
			return head, nil
		}
		failures = append(failures, err)
	}
	if len(failures) == 0 {
		return tlog.TreeHead{}, fmt.Errorf("the note is that of the log %q, which the policy does not list", head.Origin)
	}
	return tlog.TreeHead{}, fmt.Errorf("the note is signed by no key that the policy has for %q, among %d signatures: %w",
		head.Origin, len(n.UnverifiedSigs), errors.Join(failures...))
}

// CheckURLs demands that each witness has a URL that checkpoints can be sent to: http
// or https, with a host, and neither a password, a query nor a fragment. Who only
// verifies needs no URLs.
func (p *Policy) CheckURLs() error {
	var all []error
	for _, w := range p.witnesses {
		if err := checkURL(w.URL); err != nil {
			all = append(all, fmt.Errorf("witness %q: %w", w.Name, err))
		}
	}
	return errors.Join(all...)
}

func checkURL(text string) error {
	if text == "" {
		return errors.New("it has no URL to send checkpoints to; give its submission prefix at the end of its line")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return fmt.Errorf("%q is no URL: %w", text, err)
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "":
		return fmt.Errorf("%q is not of the form https://host/path", text)
	case u.User != nil:
		return errors.New("its URL has a user name or a password; policies are public")
	case strings.ContainsAny(text, "?#"):
		return fmt.Errorf("%q has a query or a fragment; give the submission prefix alone", text)
	}
	return nil
}
