package recordproof

import (
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// trustedHead is the tree head of a note with who has signed it.
type trustedHead struct {
	head tlog.TreeHead
	key  string // of the log: its name and hash

	cosignatures []witness.Cosignature
}

// openNote demands that a pinned log has signed the note, and that as many witnesses
// have cosigned it as the policy asks for.
func (o Options) openNote(signed []byte) (trustedHead, error) {
	var t trustedHead
	logs, err := o.logs()
	if err != nil {
		return t, err
	}
	if len(signed) > tlog.MaxNote {
		return t, fmt.Errorf("%w: its note has %d bytes; %d are allowed", ErrMalformed, len(signed), tlog.MaxNote)
	}
	n, err := note.Open(signed, note.VerifierList(logs...))
	if err != nil {
		return t, fmt.Errorf("%w: %w", ErrNote, err)
	}
	if t.head, err = tlog.ParseTreeHead([]byte(n.Text)); err != nil {
		return t, fmt.Errorf("%w: its note: %w", ErrMalformed, err)
	}
	for _, s := range n.Sigs {
		if s.Name == t.head.Origin {
			t.key = fmt.Sprintf("%s+%08x", s.Name, s.Hash)
			break
		}
	}
	if t.key == "" {
		return t, fmt.Errorf("%w: it is that of the log %q, which none of the pinned keys belongs to", ErrNote, t.head.Origin)
	}
	if o.Policy == nil {
		return t, nil
	}
	cosigned, err := o.Policy.Check(signed)
	if err != nil {
		return t, fmt.Errorf("%w: %w", ErrNote, err)
	}
	t.cosignatures = cosigned.Cosignatures
	return t, nil
}

// logs are the keys of trusted logs, each once: [note.VerifierList] takes others for
// ambiguous.
func (o Options) logs() ([]note.Verifier, error) {
	all := o.Logs
	if len(all) == 0 && o.Policy != nil {
		for _, log := range o.Policy.Logs() {
			key, err := tlog.NewVerifier(log.VKey)
			if err != nil {
				return nil, err
			}
			all = append(all, key)
		}
	}
	if len(all) == 0 {
		return nil, ErrNoKey
	}
	type id struct {
		name string
		hash uint32
	}
	seen := map[id]bool{}
	var logs []note.Verifier
	for _, k := range all {
		if of := (id{k.Name(), k.KeyHash()}); !seen[of] {
			seen[of] = true
			logs = append(logs, k)
		}
	}
	return logs, nil
}
