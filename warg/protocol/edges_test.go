package protocol

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Members of an entry that are not known are passed over, the first of them as well,
// and what comes behind them is read.
func TestUnknownMembersOfEntries(t *testing.T) {
	shapes := &entryShapes{}
	for _, unknown := range []protowire.Number{protowire.Number(len(shapes)), protowire.Number(len(shapes)) + 1, 1000} {
		var entry []byte
		entry = protowire.AppendBytes(protowire.AppendTag(entry, unknown, protowire.BytesType), []byte("new"))
		member := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "text")
		entry = protowire.AppendBytes(protowire.AppendTag(entry, 5, protowire.BytesType), member)
		record := protowire.AppendBytes(protowire.AppendTag(nil, recordEntries, protowire.BytesType), entry)
		got, err := decodeWireRecord(record, shapes, 10)
		if err != nil || len(got.entries) != 1 || got.entries[0].field != 5 || string(got.entries[0].text1) != "text" {
			t.Errorf("member %d: %+v, %v", unknown, got.entries, err)
		}
	}
}

// Texts in a leaf have at most 127 bytes, and are whole.
func TestCutString(t *testing.T) {
	for text, ok := range map[string]bool{
		"": false, "\x00": true, "\x01": false, "\x01a": true, "\x7f" + strings.Repeat("a", 127): true, "\x80" + strings.Repeat("a", 128): false,
	} {
		if _, _, err := cutString(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A key's id may be any text, longer than the content too.
func TestEnvelopeWithoutContent(t *testing.T) {
	empty := Envelope{KeyID: KeyID(strings.Repeat("k", 200))}
	for b := empty.MarshalProto(); len(b) > 0; {
		number, _, n := protowire.ConsumeField(b)
		if n < 0 || number == envelopeContents {
			t.Fatalf("field %d in %x", number, b)
		}
		b = b[n:]
	}
}

func TestCheckpointOf1970(t *testing.T) {
	if c, err := NewTimestampedCheckpoint(Checkpoint{}, time.Unix(0, 999)); err != nil || c.Timestamp != 0 {
		t.Errorf("the first second: %d, %v", c.Timestamp, err)
	}
	if _, err := NewTimestampedCheckpoint(Checkpoint{}, time.Unix(-1, 0)); err == nil {
		t.Error("the second before it is taken")
	}
}

// States of operator logs in JSON are refused where a value is not one of those that
// there are.
func TestRefusedOperatorStates(t *testing.T) {
	good := `{"algorithm":"sha256","namespaces":{"a":{"state":"defined"}}}`
	var log OperatorLog
	if err := log.UnmarshalJSON([]byte(good)); err != nil {
		t.Fatalf("%s: %v", good, err)
	}
	for from, to := range map[string]string{`"sha256"`: `"sha512"`, `"defined"`: `"undefined"`} {
		bad := strings.Replace(good, from, to, 1)
		if err := log.UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

// A permission is field 2 of its entry, and no other number there.
func TestOtherNumbersOfGrants(t *testing.T) {
	shapes := &entryShapes{2: permissionsSecond}
	member := protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), 1)
	member = protowire.AppendVarint(protowire.AppendTag(member, 2, protowire.VarintType), 7)
	entry := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), member)
	record := protowire.AppendBytes(protowire.AppendTag(nil, recordEntries, protowire.BytesType), entry)
	got, err := decodeWireRecord(record, shapes, 10)
	if err != nil || len(got.entries) != 1 || !slices.Equal(got.entries[0].permissions, []int32{7}) {
		t.Errorf("%+v, %v", got.entries, err)
	}
}

// Texts of keys and signatures are read back, and what is none is refused.
func TestUnmarshalTexts(t *testing.T) {
	private, err := GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	record := PackageRecord{Entries: []PackageEntry{{Type: EntryInit, Key: private.Public()}}}
	wantKey, wantSignature := private.Public(), record.Sign(private).Signature
	var key PublicKey
	if err := key.UnmarshalText([]byte(wantKey.String())); err != nil || key.String() != wantKey.String() {
		t.Errorf("key %v, %v", key, err)
	}
	var signature Signature
	if err := signature.UnmarshalText([]byte(wantSignature.String())); err != nil || signature != wantSignature {
		t.Errorf("signature %v, %v", signature, err)
	}
	if err := key.UnmarshalText([]byte("no key")); err == nil || key.String() != wantKey.String() {
		t.Errorf("no key: %v, %v", key, err)
	}
	if err := signature.UnmarshalText([]byte("no signature")); err == nil || signature != wantSignature {
		t.Errorf("no signature: %v, %v", signature, err)
	}
}

// A release in a state in JSON that says neither what it released nor that it was
// yanked is refused.
func TestRefusedReleaseStates(t *testing.T) {
	var log PackageLog
	mustValidate(t, &log, newTestChain(t).next([]PackageEntry{release("1.0.0")}))
	good := stateText(t, &log)
	if err := new(PackageLog).UnmarshalJSON([]byte(good)); err != nil {
		t.Fatalf("%s: %v", good, err)
	}
	content := HashOf([]byte("1.0.0")).String()
	for _, change := range [][2]string{{`"content":"` + content + `"`, `"other":""`}, {`"released"`, `"lost"`}} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if err := new(PackageLog).UnmarshalJSON([]byte(bad)); err == nil || bad == good {
			t.Errorf("%s is taken", bad)
		}
	}
}
