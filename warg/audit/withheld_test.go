package audit

import (
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// A content that is answered with 451 is withheld only if the operator has signed so, and
// the list has not gone back since.
func TestWithheldByOperator(t *testing.T) {
	w := newWorld(t)
	digest := w.releaseOf("example:pa", "1.0.0", "forbidden")
	w.checkpoint()
	delete(w.contents, digest)
	origin := w.records[0].leaf.RecordID
	statements := func(by protocol.PrivateKey, origin protocol.Hash, count int) (all []withheld.Signed) {
		chain := withheld.NewChain(origin)
		for range count {
			s, err := chain.Next(withheld.Statement{Time: time.Unix(1_800_000_000, 0).UTC(), Action: withheld.Withhold, Digest: digest, Reason: "by order of a court"}).Sign(by)
			must(t, err)
			must(t, chain.Append(s, func(protocol.KeyID) (protocol.PublicKey, bool) { return by.Public(), true }))
			all = append(all, s)
		}
		return all
	}
	var listed []withheld.Signed
	w.tamper = func(path string, _ []byte, status int, answer []byte) (int, []byte) {
		switch {
		case strings.HasPrefix(path, withheld.Path):
			return 200, withheld.Page{Origin: origin, Total: uint64(len(listed)), Statements: listed}.AppendJSON(nil)
		case strings.HasPrefix(path, "content/"), strings.HasPrefix(path, "v1/content/"):
			return 451, []byte(`{"status":451,"message":"withheld"}`)
		}
		return status, answer
	}
	try := func(what string, store Store, list []withheld.Signed, found bool) {
		t.Helper()
		listed = list
		report, err := w.audit(store)
		must(t, err)
		if got := len(report.Findings) == 1 && report.Findings[0].Name == ContentWithheld; got != found || !found && len(report.Findings) > 0 {
			t.Errorf("%s: found %v", what, report.Findings)
		}
		said := false
		for _, u := range report.Unchecked {
			said = said || strings.Contains(u.Reason, "is withheld by the registry since 2027-01-15: by order of a court")
		}
		if said == found {
			t.Errorf("%s: not checked: %v", what, report.Unchecked)
		}
	}
	good := statements(w.operator, origin, 2)
	forged := statements(w.operator, origin, 1)
	forged[0].Reason = "for fun"
	store := new(MemoryStore)
	try("signed", store, good, false)
	try("fewer statements than before", store, good[:1], true)
	try("none", new(MemoryStore), nil, true)
	try("by another key", new(MemoryStore), statements(newKey(t), origin, 1), true)
	try("of another registry", new(MemoryStore), statements(w.operator, digest, 1), true)
	try("forged", new(MemoryStore), forged, true)
}
