package recordproof

import (
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// trustedHead is the tree head of a note with who has signed it.
type trustedHead struct {
	head tlog.TreeHead
	key  string // of the log: its name and hash
}

// openNote demands that a pinned log has signed the note.
func (o Options) openNote(signed []byte) (trustedHead, error) {
	var t trustedHead
	logs := o.Logs
	if len(logs) == 0 {
		return t, ErrNoKey
	}
	if len(signed) > tlog.MaxNote {
		return t, fmt.Errorf("%w: its note has %d bytes; %d are allowed", ErrMalformed, len(signed), tlog.MaxNote)
	}
	n, err := note.Open(signed, note.VerifierList(distinct(logs)...))
	if err != nil {
		return t, fmt.Errorf("%w: %w", ErrNote, err)
	}
	if t.head, err = tlog.ParseTreeHead([]byte(n.Text)); err != nil {
		return t, fmt.Errorf("%w: its note: %w", ErrMalformed, err)
	}
	for _, s := range n.Sigs {
		if s.Name == t.head.Origin {
			t.key = fmt.Sprintf("%s+%08x", s.Name, s.Hash)
			return t, nil
		}
	}
	return t, fmt.Errorf("%w: it is that of the log %q, which none of the pinned keys belongs to", ErrNote, t.head.Origin)
}

// distinct leaves out keys that are given twice: [note.VerifierList] takes them for
// ambiguous.
func distinct(keys []note.Verifier) []note.Verifier {
	type id struct {
		name string
		hash uint32
	}
	seen := map[id]bool{}
	var all []note.Verifier
	for _, k := range keys {
		if of := (id{k.Name(), k.KeyHash()}); !seen[of] {
			seen[of] = true
			all = append(all, k)
		}
	}
	return all
}
