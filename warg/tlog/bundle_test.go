package tlog

import (
	"bytes"
	"slices"
	"testing"

	"github.com/transparency-dev/tessera/api"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Bundles of entries are those of tessera's reader.
func TestEntries(t *testing.T) {
	want := [][]byte{[]byte("first"), {}, bytes.Repeat([]byte("x"), MaxEntry)}
	bundle, err := EncodeEntries(want)
	if err != nil {
		t.Fatal(err)
	}
	var theirs api.EntryBundle
	if err := theirs.UnmarshalText(bundle); err != nil || !slices.EqualFunc(theirs.Entries, want, bytes.Equal) {
		t.Errorf("tessera reads %d entries, %v", len(theirs.Entries), err)
	}
	got, err := ParseEntries(bundle, len(want))
	if err != nil || !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("read %d entries, %v", len(got), err)
	}
	for _, count := range []int{-1, 0, 2, 4} {
		if _, err := ParseEntries(bundle, count); err == nil {
			t.Errorf("a bundle of 3 entries is taken for one of %d", count)
		}
	}
	for _, n := range []int{1, 6, 8, 9, len(bundle) - 1} {
		if _, err := ParseEntries(bundle[:n], len(want)); err == nil {
			t.Errorf("a bundle that is cut off after %d bytes is read", n)
		}
	}
	if _, err := EncodeEntries([][]byte{make([]byte, MaxEntry+1)}); err == nil {
		t.Error("an entry that is too long is written")
	}
}

func signedRecord(t *testing.T) (leaf protocol.LogLeaf, e NamedEnvelope) {
	t.Helper()
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	name, err := protocol.ParsePackageName("a:b")
	if err != nil {
		t.Fatal(err)
	}
	record := &protocol.PackageRecord{Time: protocol.Time{Seconds: 1}, Entries: []protocol.PackageEntry{{Type: protocol.EntryInit, Key: key.Public()}}}
	envelope := record.Sign(key)
	return protocol.LogLeaf{LogID: name.LogID(), RecordID: protocol.PackageRecordID(envelope.Content)},
		NamedEnvelope{Name: "a:b", Envelope: envelope.MarshalProto()}
}

func TestEnvelopes(t *testing.T) {
	leaf, e := signedRecord(t)
	want := []NamedEnvelope{e, {Envelope: []byte("an operator's")}, e}
	bundle := EncodeEnvelopes(want)
	got, err := ParseEnvelopes(bundle, 3)
	if err != nil || len(got) != 3 {
		t.Fatal(len(got), err)
	}
	for i := range want {
		if got[i].Name != want[i].Name || !bytes.Equal(got[i].Envelope, want[i].Envelope) {
			t.Errorf("entry %d is read as %q", i, got[i].Name)
		}
	}
	if _, err := ParseEnvelopes(bundle[:len(bundle)-1], 3); err == nil {
		t.Error("a bundle that is cut off is read")
	}
	if _, err := ParseEnvelopes([]byte{0, 0, 0, 1, 0xff}, 1); err == nil {
		t.Error("a bundle with what is no name and envelope is read")
	}
	if _, err := CheckEnvelope(leaf, got[0]); err != nil {
		t.Error(err)
	}
	other := leaf
	other.RecordID[0]++
	elsewhere := leaf
	elsewhere.LogID[0]++
	for what, err := range map[string]error{
		"another record":  second(CheckEnvelope(other, e)),
		"another log":     second(CheckEnvelope(elsewhere, e)),
		"another name":    second(CheckEnvelope(leaf, NamedEnvelope{"a:c", e.Envelope})),
		"no name":         second(CheckEnvelope(leaf, NamedEnvelope{"", e.Envelope})),
		"a wrong name":    second(CheckEnvelope(leaf, NamedEnvelope{"A", e.Envelope})),
		"a cut envelope":  second(CheckEnvelope(leaf, NamedEnvelope{"a:b", e.Envelope[:9]})),
		"operator record": second(CheckEnvelope(protocol.LogLeaf{LogID: protocol.OperatorLogID(), RecordID: leaf.RecordID}, NamedEnvelope{"", e.Envelope})),
	} {
		if err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func FuzzParseEnvelopes(f *testing.F) {
	f.Add(EncodeEnvelopes([]NamedEnvelope{{"a:b", []byte("x")}}), 1)
	f.Fuzz(func(t *testing.T, b []byte, count int) {
		envelopes, err := ParseEnvelopes(b, count)
		if err == nil && len(envelopes) != count {
			t.Errorf("%d envelopes, want %d", len(envelopes), count)
		}
	})
}
