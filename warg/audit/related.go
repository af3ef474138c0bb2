package audit

import (
	"errors"
	"fmt"
	"slices"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// relation is what several statements have in common: who signed them, and whether the
// signatures show that they are of one registry.
type relation struct {
	keys   []string
	signed bool
	rests  string // why it is not signed; "" if it is
}

// related relates the claims that a finding sets against each other. An error says that
// they are of two registries: what one says does not contradict the other. Claims are of
// one registry by the origins of their notes, of which those of one log must be signed by
// one key; and a signed checkpoint by its [operatorTie]. Checkpoints alone are so by the
// one key that signed them all.
func related(claims ...treeClaim) (r relation, err error) {
	r.signed = true
	for i, c := range claims {
		if !c.Signed {
			r.unsigned(unsignedHead)
		}
		for _, key := range c.Keys {
			if !slices.Contains(r.keys, key) {
				r.keys = append(r.keys, key)
			}
		}
		for _, other := range claims[:i] {
			if err := r.pair(c, other); err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

// unsignedHead is what rests on whoever recorded evidence with a tree head whose
// signature was not checked.
const unsignedHead = "that the registry signed the tree heads, whose signatures were not checked"

func (r *relation) unsigned(why string) {
	if r.signed {
		r.signed, r.rests = false, why
	}
}

func (r *relation) pair(a, b treeClaim) error {
	switch {
	case a.empty || b.empty:
	case a.Registry != "" && b.Registry != "" && a.Registry != b.Registry:
		return notContradicting("the statements are of two registries, %q and %q", b.Registry, a.Registry)
	case a.Registry == "" && b.Registry == "" && a.Operator == b.Operator:
	case a.Registry == "" || b.Registry == "":
		r.unsigned("that the key of a signed checkpoint is the operator's of this log")
	case a.NoteLog == b.NoteLog && len(a.NoteKeys) > 0 && len(b.NoteKeys) > 0 && !slices.ContainsFunc(a.NoteKeys, func(key string) bool { return slices.Contains(b.NoteKeys, key) }):
		r.unsigned(fmt.Sprintf("that two keys sign for the %s log: no key signed both of its notes", a.NoteLog))
	}
	return nil
}

// operatorTie shows that the key of a signed checkpoint is one of a registry: the records
// log below a note has the records of the operator log that let it sign checkpoints.
type operatorTie struct {
	Head    claim          `json:"head"`    // a note of the records log
	Records []provenRecord `json:"records"` // of the operator log, from the first on
}

// verify demands that the operator log lets a key sign checkpoints.
func (t operatorTie) verify(key protocol.PublicKey) (head treeClaim, err error) {
	if t.Head.Note == nil {
		return head, errors.New("the operator log must be in the log of a note")
	}
	if head, err = t.Head.read(); err != nil {
		return head, err
	}
	facts := recordFacts{Records: t.Records}
	var log protocol.OperatorLog
	v, err := facts.replay(head, &log)
	if err == nil && (v.rule != "" || v.firstStranger || len(t.Records) == 0 || t.Records[0].Name != "") {
		err = errors.New("the records are not those of an operator log from the first on")
	}
	if err != nil {
		return head, err
	}
	known, ok := log.PublicKey(key.ID())
	if !ok || !known.Equal(key) || !log.HasPermission(key.ID(), protocol.PermissionCommit) {
		return head, fmt.Errorf("the operator log does not let the key %s sign checkpoints", key.ID())
	}
	return head, nil
}

// stating are facts with several statements of a registry, which must be shown to be of
// one.
type stating interface{ statements() []*claim }

func (f *forkFacts) statements() []*claim   { return []*claim{&f.Shorter, &f.Longer} }
func (f *rewindFacts) statements() []*claim { return []*claim{&f.Before, &f.After} }
func (f *mapFacts) statements() []*claim    { return []*claim{f.Before, &f.After} }
func (f *timeFacts) statements() []*claim   { return []*claim{f.Before, &f.Checkpoint} }
func (f *unloggedFacts) statements() []*claim {
	all := []*claim{&f.Checkpoint, f.Head}
	for i := range f.Entries {
		all = append(all, &claim{Logged: &f.Entries[i]})
	}
	return all
}
func (f *namespaceFacts) statements() []*claim { return []*claim{&f.Head, f.Checkpoint} }

// mixed returns the signed checkpoints among claims that must be tied to a log: all, if
// there are notes beside them or other keys.
func mixed(claims []*claim) (checkpoints []*claim) {
	others := false
	for _, c := range claims {
		switch {
		case c == nil:
		case c.Checkpoint == nil:
			others = true
		case c.Key != "":
			checkpoints = append(checkpoints, c)
			others = others || c.Key != checkpoints[0].Key
		}
	}
	if !others {
		return nil
	}
	return checkpoints
}
