package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// forge makes evidence as somebody does who has this program: the finding is what follows
// from the facts, and the digest is right.
func forge(t *testing.T, f facts) (Finding, error) {
	t.Helper()
	finding, err := f.judge()
	if err != nil {
		return Finding{}, err
	}
	evidence, err := writeEvidence("https://registry.example/", testTime, kindOf(f), f, finding.settled())
	must(t, err)
	return Check(evidence)
}

// openRecords opens a log of a world as its notes have it.
func openRecords(t *testing.T, w *world, log tlog.Log) *tiledLog {
	t.Helper()
	l, err := openTiledLog(context.Background(), w, claim{Note: w.note(log), VKeys: w.noteKeys[log].VKeys()[:1]})
	must(t, err)
	return l
}

// provenOf proves records of an honest world, of one package or the operator.
func provenOf(t *testing.T, w *world, l *tiledLog, name string) (all []provenRecord) {
	t.Helper()
	for i, r := range w.records {
		if r.named.Name == name {
			path, err := nodePath(context.Background(), l, 0, uint64(i), l.head.Size)
			must(t, err)
			all = append(all, provenRecord{Index: uint64(i), Name: name, Envelope: r.named.Envelope, Path: path})
		}
	}
	return all
}

// swapped is an envelope of the same content with another key id and signature.
func swapped(t *testing.T, envelope []byte, key protocol.PrivateKey, id protocol.KeyID) []byte {
	t.Helper()
	e, err := protocol.UnmarshalEnvelopeProto(envelope)
	must(t, err)
	e.KeyID, e.Signature = id, key.Sign(protocol.PackageRecordSignature, e.Content)
	return e.MarshalProto()
}

// What a leaf does not commit to can be altered in evidence: no such evidence is signed.
func TestForgedEnvelopes(t *testing.T) {
	w := newWorld(t)
	w.some(6)
	second := newKey(t)
	w.operate(w.operator, protocol.OperatorEntry{Type: protocol.EntryGrantFlat, Key: second.Public(), Permissions: []protocol.OperatorPermission{protocol.PermissionCommit}})
	w.checkpoint()
	l := openRecords(t, w, tlog.Records)
	stranger := newKey(t)
	for _, test := range []struct {
		what, name string
		at         int // the record, from the end
		key        protocol.PrivateKey
		id         protocol.KeyID
	}{
		{"another key", "example:pa", 1, stranger, stranger.Public().ID()},
		{"another signature", "example:pa", 1, stranger, w.author.Public().ID()},
		{"another key at the beginning", "example:pa", 0, stranger, stranger.Public().ID()},
		{"operator: another key", "", 1, stranger, stranger.Public().ID()},
		{"operator: another signature", "", 1, stranger, w.operator.Public().ID()},
		{"operator: another key at the beginning", "", 0, second, second.Public().ID()},
	} {
		t.Run(test.what, func(t *testing.T) {
			records := provenOf(t, w, l, test.name)
			at := test.at
			records[at].Envelope = swapped(t, records[at].Envelope, test.key, test.id)
			found, err := forge(t, &recordFacts{Head: l.claim, Records: records[:at+1]})
			if err == nil && (found.Signed || found.Rests != alterable || !strings.Contains(found.Explanation, "altered on the way")) {
				t.Errorf("against an honest registry: signed %v, rests on %q: %s", found.Signed, found.Rests, found)
			}
			if at > 0 && err != nil {
				t.Errorf("no finding: %v", err)
			}
		})
	}
}

// The permissions in the operator log hang on who signed its first record.
func TestForgedOperatorBeginning(t *testing.T) {
	w := emptyWorld(t)
	second := newKey(t)
	w.operate(w.operator, protocol.OperatorEntry{Type: protocol.EntryInit, Key: w.operator.Public()},
		protocol.OperatorEntry{Type: protocol.EntryGrantFlat, Key: second.Public(), Permissions: nil})
	w.checkpoint()
	text, err := w.signed.MarshalJSON()
	must(t, err)
	e, err := protocol.UnmarshalEnvelopeProto(w.records[0].named.Envelope)
	must(t, err)
	e.KeyID, e.Signature = second.Public().ID(), second.Sign(protocol.OperatorRecordSignature, e.Content)
	c := w.checkpoints[0]
	bundle, err := c.m.bundle(context.Background(), protocol.OperatorLogID())
	must(t, err)
	found, err := forge(t, &signatureFacts{Checkpoint: text, Operator: [][]byte{e.MarshalProto()}, Proof: bundle})
	if err == nil && found.Signed {
		t.Errorf("against an honest registry: %s", found)
	}
	w.operate(w.operator, protocol.OperatorEntry{Type: protocol.EntryRevokeFlat, KeyID: w.operator.Public().ID(), Permissions: []protocol.OperatorPermission{protocol.PermissionDefineNamespace}})
	w.checkpoint()
	l := openRecords(t, w, tlog.Records)
	records := provenOf(t, w, l, "")
	for i := range records {
		e, err := protocol.UnmarshalEnvelopeProto(records[i].Envelope)
		must(t, err)
		e.KeyID, e.Signature = second.Public().ID(), second.Sign(protocol.OperatorRecordSignature, e.Content)
		records[i].Envelope = e.MarshalProto()
	}
	found, err = forge(t, &recordFacts{Head: l.claim, Records: records})
	if err != nil || found.Signed {
		t.Errorf("a permission that is taken: signed %v, %v: %s", found.Signed, err, found)
	}
}

// Statements of two registries contradict nothing.
func TestForgedOfTwoRegistries(t *testing.T) {
	w, other := newWorld(t), newWorldOf(t, "evil.example")
	w.some(6)
	other.some(6)
	ctx := context.Background()
	records, checkpoints := openRecords(t, w, tlog.Records), openRecords(t, w, tlog.Checkpoints)
	theirs, theirCheckpoints := openRecords(t, other, tlog.Records), openRecords(t, other, tlog.Checkpoints)
	entry := func(l *tiledLog, w *world, i int) logged {
		path, err := nodePath(ctx, l, 0, uint64(i), l.head.Size)
		must(t, err)
		return logged{Entry: w.checkpoints[i].Encode(), Index: uint64(i), Path: path, Head: l.claim}
	}
	last := len(w.checkpoints) - 1
	evil, honest := entry(theirCheckpoints, other, last), entry(checkpoints, w, last)
	signedBy := func(w *world) claim {
		text, err := w.signed.MarshalJSON()
		must(t, err)
		return claim{Checkpoint: text, Key: w.operator.Public().String()}
	}
	tied := signedBy(other) // to their own log
	tied.Tie = &operatorTie{Head: theirs.claim, Records: provenOf(t, other, theirs, "")}
	lying := signedBy(w) // by their key, tied to the log of the other
	lying.Tie = &operatorTie{Head: theirs.claim, Records: provenOf(t, other, theirs, "")}
	for what, f := range map[string]facts{
		"notes":                 &forkFacts{Shorter: theirs.claim, Longer: records.claim},
		"entry and note":        &forkFacts{Shorter: claim{Logged: &evil}, Longer: records.claim},
		"entries":               &forkFacts{Shorter: claim{Logged: &evil}, Longer: claim{Logged: &honest}},
		"checkpoint and note":   &forkFacts{Shorter: tied, Longer: records.claim},
		"a tie of another key":  &forkFacts{Shorter: lying, Longer: theirs.claim},
		"rewound":               &rewindFacts{Before: theirs.claim, After: openRecords(t, rewound(w), tlog.Records).claim},
		"order":                 &orderFacts{Entries: []logged{entry(theirCheckpoints, other, 4), entry(checkpoints, w, 5)}},
		"not logged":            &unloggedFacts{Checkpoint: tied, Entries: []logged{honest}},
		"consistency":           &consistencyFacts{From: claim{Logged: &evil}, To: claim{Logged: &honest}},
		"stale":                 &staleFacts{Note: records.claim, Checkpoint: tied, Now: 100, Limit: 1},
		"a note without origin": &forkFacts{Shorter: claim{Note: theirs.claim.Note}, Longer: records.claim},
	} {
		if found, err := forge(t, f); err == nil {
			t.Errorf("%s: accepted: signed %v, %s", what, found.Signed, found)
		}
	}
	for what, f := range map[string]facts{ // nothing says that it is of another registry
		"a checkpoint by a stranger":             &forkFacts{Shorter: signedBy(other), Longer: records.claim},
		"a checkpoint by a stranger, not logged": &unloggedFacts{Checkpoint: signedBy(other), Entries: []logged{honest}},
		"two checkpoints":                        &forkFacts{Shorter: signedBy(other), Longer: signedBy(w)},
	} {
		if found, err := forge(t, f); err != nil || found.Signed || !strings.Contains(found.Rests, "is the operator's") {
			t.Errorf("%s: signed %v, rests on %q, %v", what, found.Signed, found.Rests, err)
		}
	}
	// A namesake: the same origin, and a key of the forger.
	namesake := newWorld(t)
	namesake.some(6)
	found, err := forge(t, &forkFacts{Shorter: openRecords(t, namesake, tlog.Records).claim, Longer: records.claim})
	if err != nil || found.Signed || !strings.Contains(found.Rests, "no key signed both") {
		t.Errorf("a namesake: signed %v, rests on %q, %v", found.Signed, found.Rests, err)
	}
}

func rewound(w *world) *world {
	shorter := *w
	shorter.noteSize = map[tlog.Log]uint64{tlog.Records: w.checkpoints[3].LogLength, tlog.Checkpoints: 4}
	return &shorter
}

// The map root of one registry does not follow from that of another.
func TestForgedMapOfTwoRegistries(t *testing.T) {
	w := newWorld(t)
	w.some(6)
	o := w.options()
	store := new(MemoryStore)
	_, err := w.auditWith(store, o)
	must(t, err)
	oldHead(w, &o)
	report, err := w.auditWith(store, o)
	must(t, err)
	var doc document
	must(t, json.Unmarshal(report.Findings[0].Evidence, &doc))
	var f mapFacts
	must(t, json.Unmarshal(doc.Facts, &f))
	if found, err := forge(t, &f); err != nil || !found.Signed {
		t.Fatalf("the genuine evidence: %v, signed %v", err, found.Signed)
	}
	// The same entry before, in the log of somebody else.
	other := newWorldOf(t, "evil.example")
	other.cpTree = new(memoryTree)
	other.checkpoints = nil
	var c worldCheckpoint
	c.Checkpoint, err = parseCheckpointEntry(f.Before.Logged.Entry)
	must(t, err)
	other.sign(c, other.operator, true)
	f.Before.Logged = &logged{Entry: c.Encode(), Head: claim{Note: other.note(tlog.Checkpoints), VKeys: other.noteKeys[tlog.Checkpoints].VKeys()[:1]}}
	if found, err := forge(t, &f); err == nil {
		t.Errorf("accepted: signed %v, %s", found.Signed, found)
	}
}

// Evidence can not claim to be signed where it is not.
func TestForgedSigned(t *testing.T) {
	w := newWorld(t)
	w.some(2)
	w.tamper = tampered(recordsFile(w, tlog.Tile), flip)
	report, err := w.audit(new(MemoryStore))
	must(t, err)
	evidence := report.Findings[0].Evidence
	for _, change := range [][2]string{{`"signed":false`, `"signed":true`}, {`,"rests":"that`, `,"rests":"not that`}} {
		forged := bytes.Replace(evidence[:bytes.LastIndex(evidence, []byte(digestMember))], []byte(change[0]), []byte(change[1]), 1)
		digest := sha256.Sum256(forged)
		if _, err := Check(append(forged, digestMember+hex.EncodeToString(digest[:])+"\"}\n"...)); err == nil {
			t.Errorf("evidence with %s is accepted", change[1])
		}
	}
}

// A state used with another registry is no lie of that one.
func TestAnotherRegistry(t *testing.T) {
	for _, noTiles := range []bool{false, true} {
		w, other := newWorld(t), newWorldOf(t, "other.example")
		w.some(6)
		other.some(9)
		shorter := newWorldOf(t, "third.example")
		store := new(MemoryStore)
		o := w.options()
		o.VKeys, o.Policy = nil, nil
		w.noTiles, other.noTiles, shorter.noTiles = noTiles, noTiles, noTiles
		_, err := w.auditWith(store, o)
		must(t, err)
		for _, second := range []*world{other, shorter} {
			o.OperatorKey = protocol.PublicKey{}
			report, err := second.auditWith(store, o)
			if !errors.Is(err, ErrOtherRegistry) || len(report.Findings) > 0 {
				t.Errorf("without tiles %v: %v, %v", noTiles, err, report.Findings)
			}
		}
		a, err := New(w, store, o)
		must(t, err)
		if report, err := a.Compare(context.Background(), other); !noTiles && (!errors.Is(err, ErrOtherRegistry) || len(report.Findings) > 0) {
			t.Errorf("as another place: %v, %v", err, report.Findings)
		}
	}
}
