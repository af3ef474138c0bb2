package audit

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// sign makes the next statement of a list by a key.
func (w *world) signNext(by protocol.PrivateKey, before []withheld.Signed, s withheld.Statement) withheld.Signed {
	w.t.Helper()
	s.Origin = w.records[0].leaf.RecordID
	s.Time = w.now.UTC().Truncate(time.Second)
	if n := len(before); n > 0 {
		s.Sequence, s.Previous = uint64(n), before[n-1].Hash()
	}
	signed, err := s.Sign(by)
	must(w.t, err)
	return signed
}

// withhold makes some statements, on contents that no record has.
func (w *world) withhold(count int) {
	for range count {
		digest := protocol.HashOf(fmt.Append(nil, len(w.statements)))
		w.statements = append(w.statements, w.signNext(w.operator, w.statements, withheld.Statement{Action: withheld.Withhold, Digest: digest, Reason: "by order of a court"}))
	}
}

// anotherStatement is one that the operator may sign.
var anotherStatement = withheld.Statement{Action: withheld.Withhold, Digest: protocol.HashOf([]byte("x")), Reason: "for fun"}

// listLies are those about the operator's list of withheld content, which has three
// statements.
var listLies = []lieTest{
	{what: "shorter", name: WithheldListRewound, lie: func(w *world, _ *Options) { w.statements = w.statements[:2] }},
	{what: "empty", name: WithheldListRewound, lie: func(w *world, _ *Options) { w.statements = nil }},
	{what: "away", name: WithheldListRewound, lie: func(w *world, _ *Options) { w.tamper = changeList(deny) }},
	{what: "another at the end", name: WithheldListForked, signed: true, lie: func(w *world, _ *Options) {
		w.statements = append(slices.Clone(w.statements[:2]), w.signNext(w.operator, w.statements[:2], anotherStatement))
	}},
	{what: "another from the beginning, and longer", name: WithheldListForked, signed: true, lie: func(w *world, _ *Options) {
		w.statements = nil
		w.withholdOther(4)
	}},
	{what: "a changed reason", name: WithheldListInvalid, lie: func(w *world, _ *Options) {
		w.statements = slices.Clone(w.statements)
		w.statements[1].Reason = "for fun"
	}},
	{what: "one left out", name: WithheldListInvalid, lie: func(w *world, _ *Options) { w.statements = slices.Delete(slices.Clone(w.statements), 1, 2) }},
	{what: "not as many as it says", name: WithheldListInvalid, lie: func(w *world, _ *Options) {
		w.tamper = changeList(func(status int, answer []byte) (int, []byte) {
			var page withheld.Page
			must(w.t, page.UnmarshalJSON(answer))
			page.Total++
			return status, page.AppendJSON(nil)
		})
	}},
	{what: "no list", name: WithheldListInvalid, lie: func(w *world, _ *Options) {
		w.tamper = changeList(func(int, []byte) (int, []byte) { return 200, []byte("<html>") })
	}},
	{what: "by a stranger, instead of one that was seen", name: WithheldListInvalid, lie: func(w *world, _ *Options) {
		w.statements = append(slices.Clone(w.statements[:2]), w.signNext(newKey(w.t), w.statements[:2], anotherStatement))
	}},
	{what: "by a stranger, of long ago", name: WithheldListInvalid, lie: func(w *world, _ *Options) {
		w.statements = append(w.statements, w.signNext(newKey(w.t), w.statements, anotherStatement))
		w.now = w.now.Add(2 * time.Hour)
		w.checkpointOf(w.heads, false)
	}},
}

// withholdOther makes statements that are none of those of withhold.
func (w *world) withholdOther(count int) {
	for range count {
		w.statements = append(w.statements, w.signNext(w.operator, w.statements, anotherStatement))
	}
}

func changeList(change func(status int, answer []byte) (int, []byte)) func(string, []byte, int, []byte) (int, []byte) {
	return func(path string, _ []byte, status int, answer []byte) (int, []byte) {
		if strings.HasPrefix(path, withheld.Path) {
			return change(status, answer)
		}
		return status, answer
	}
}

// An honest list grows, and goes on to hold whatever becomes of the keys that signed it; a
// key that the audited log does not have yet is no lie.
func TestHonestList(t *testing.T) {
	w := newWorld(t)
	w.some(2)
	store := new(MemoryStore)
	clean := func(unchecked string) {
		t.Helper()
		report := w.clean(store)
		if said := fmt.Sprint(report.Unchecked); unchecked == "" && len(report.Unchecked) > 0 || !strings.Contains(said, unchecked) {
			t.Errorf("not checked: %s; want %q", said, unchecked)
		}
	}
	clean("")
	w.withhold(3)
	clean("")
	other := newKey(t)
	w.statements = append(w.statements, w.signNext(other, w.statements, anotherStatement))
	clean("from statement 3 on")
	commit := []protocol.OperatorPermission{protocol.PermissionCommit}
	all := append(commit, protocol.PermissionDefineNamespace)
	w.operate(w.operator, protocol.OperatorEntry{Type: protocol.EntryGrantFlat, Key: other.Public(), Permissions: all})
	w.checkpoint()
	clean("")
	w.operate(w.operator, protocol.OperatorEntry{Type: protocol.EntryRevokeFlat, KeyID: other.Public().ID(), Permissions: commit})
	w.checkpoint()
	clean("")
	w.withhold(1)
	clean("")
}

// Another place that has another list shows that it is forked; one that is behind does not.
func TestListElsewhere(t *testing.T) {
	w := newWorld(t)
	w.some(1)
	w.withhold(2)
	a, err := New(w, new(MemoryStore), w.options())
	must(t, err)
	report, err := a.Round(t.Context())
	must(t, err)
	if !report.Clean() {
		t.Fatal(report.Findings)
	}
	there := *w
	there.statements = w.statements[:1]
	if report, err = a.Compare(t.Context(), &there); err != nil || !report.Clean() {
		t.Fatalf("one that is behind: %v, %v", report.Findings, err)
	}
	there.withholdOther(1)
	report, err = a.Compare(t.Context(), &there)
	must(t, err)
	if len(report.Findings) != 1 || report.Findings[0].Name != WithheldListForked || !report.Findings[0].Signed {
		t.Fatal(report.Findings)
	}
	checkEvidence(t, report.Findings[0])
}

// What docs/operations.md says of a key that was stolen, and revoked since: a statement that
// the thief signs behind the newest is taken, by those to whom he shows it, and found once
// they see the operator's next one.
func TestListByStolenKey(t *testing.T) {
	w := newWorld(t)
	stolen := newKey(t)
	commit := []protocol.OperatorPermission{protocol.PermissionCommit}
	w.operate(w.operator, protocol.OperatorEntry{Type: protocol.EntryGrantFlat, Key: stolen.Public(), Permissions: commit})
	w.operate(w.operator, protocol.OperatorEntry{Type: protocol.EntryRevokeFlat, KeyID: stolen.Public().ID(), Permissions: commit})
	w.release("example:pa", "1.0.0")
	w.checkpoint()
	w.withhold(1)
	store := new(MemoryStore)
	w.clean(store)
	honest := w.statements
	w.statements = append(slices.Clone(honest), w.signNext(stolen, honest, anotherStatement))
	w.clean(store)
	w.statements = honest
	w.withhold(1)
	report, err := w.audit(store)
	must(t, err)
	if len(report.Findings) != 1 || report.Findings[0].Name != WithheldListForked || !slices.Contains(report.Findings[0].Keys, stolen.Public().String()) {
		t.Fatal(report.Findings)
	}
	checkEvidence(t, report.Findings[0])
}
