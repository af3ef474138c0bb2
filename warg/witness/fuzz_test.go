package witness_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/witness"
	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
)

// A policy that is read can be satisfied only by its own witnesses.
func FuzzParsePolicy(f *testing.F) {
	a, b := witnessLine("a", "https://a.example"), witnessLine("b")
	f.Add(a + "\n" + b + "\ngroup g 2 a b\nquorum g\n")
	f.Add(a + "\ngroup g any a\ngroup h all g\nquorum h\n")
	f.Add("# x\nquorum none\n")
	f.Add(a + "\ngroup g 0 a\nquorum g\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := witness.ParsePolicy([]byte(text))
		if err != nil {
			return
		}
		if p.Satisfied(nil) != (p.Quorum() == "none") {
			t.Errorf("%q is satisfied by nothing, or asks for nothing and is not", text)
		}
		var all []witness.Cosignature
		for _, w := range p.Witnesses() {
			all = append(all, witness.Cosignature{Key: w.Key})
		}
		if !p.Satisfied(all) {
			t.Errorf("%q is not satisfied by all of its witnesses", text)
		}
		_ = p.CheckURLs()
	})
}

// Nothing that is read as a note counts for a witness unless it is verified, and what
// is merged is read as the same.
func FuzzCosignatures(f *testing.F) {
	a, b := witnesstest.NewKey("a.example"), witnesstest.NewKey("b.example")
	p := parse(f, "witness a "+a.VKey, "witness b "+b.VKey, "group g all a b", "quorum g")
	log := witnesstest.NewLog(f, origin, false)
	signed := string(log.Note(f, 7, "root"))
	f.Add(signed, a.Cosign(f, []byte(signed), 10))
	f.Add(signed, a.Cosign(f, []byte(signed), 0)+b.Cosign(f, []byte(signed), 10))
	f.Add(signed+b.Cosign(f, []byte(signed), 1), strings.Repeat(a.Cosign(f, []byte(signed), 10), 3))
	f.Fuzz(func(t *testing.T, signed, answer string) {
		c, err := p.Answer([]byte(signed), []byte(answer))
		if err != nil {
			return
		}
		merged, err := witness.Merge([]byte(signed), c.Cosignatures...)
		if err != nil {
			return // too many
		}
		again, err := p.Cosignatures(merged)
		if err != nil {
			t.Fatalf("%q is merged with %q as %q, which is no note: %v", signed, answer, merged, err)
		}
		for _, by := range c.Cosignatures {
			same := func(other witness.Cosignature) bool { return other.Key == by.Key && other.Time.Equal(by.Time) }
			if !slices.ContainsFunc(again.Cosignatures, same) {
				t.Errorf("%q becomes %q", said(c), said(again))
			}
		}
	})
}
