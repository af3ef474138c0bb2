package witness

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// maxSignatures is how many signatures readers of notes take (golang.org/x/mod's among
// them; signed-note demands 16 at least).
const maxSignatures = 100

// Merge returns a note with more cosignatures, which were verified for the text of
// this very note: one that was verified for another text is an error, and so are more
// than 100 signatures altogether.
//
// A cosignature replaces what the note has by its key, and of several by one key the
// latest is kept. First come the signatures by keys with the name of the log, in the
// order that they have, and then the others by name and id of their keys, in whatever
// order they are given.
func Merge(signed []byte, cosignatures ...Cosignature) ([]byte, error) {
	n, head, err := open(signed)
	if err != nil {
		return nil, err
	}
	cosignatures = slices.Clone(cosignatures)
	slices.SortStableFunc(cosignatures, func(a, b Cosignature) int { return b.Time.Compare(a.Time) })
	var sigs []note.Signature
	for _, c := range cosignatures {
		if c.body != n.Text {
			return nil, fmt.Errorf("the cosignature by witness %q is not for the checkpoint of %q at size %d", c.Witness, head.Origin, head.Size)
		}
		sigs = append(sigs, c.sig)
	}
	sigs = oneOfEachKey(slices.Concat(sigs, n.UnverifiedSigs))
	if len(sigs) > maxSignatures {
		return nil, fmt.Errorf("the note of %q at size %d would have %d signatures; %d are allowed", head.Origin, head.Size, len(sigs), maxSignatures)
	}
	slices.SortStableFunc(sigs, func(a, b note.Signature) int {
		if own, other := a.Name == head.Origin, b.Name == head.Origin; own || other {
			return cmp.Compare(rank(own), rank(other))
		}
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Hash, b.Hash))
	})
	var b strings.Builder
	b.WriteString(n.Text + "\n")
	for _, sig := range sigs {
		b.WriteString(line(sig))
	}
	return []byte(b.String()), nil
}

// rank puts a log's own signatures first.
func rank(own bool) int {
	if own {
		return 0
	}
	return 1
}

// oneOfEachKey keeps the first signature of each key.
func oneOfEachKey(sigs []note.Signature) []note.Signature {
	type key struct {
		name string
		id   uint32
	}
	seen := map[key]bool{}
	return slices.DeleteFunc(sigs, func(sig note.Signature) bool {
		k := key{sig.Name, sig.Hash}
		defer func() { seen[k] = true }()
		return seen[k]
	})
}
