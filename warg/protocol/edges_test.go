package protocol

import (
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

func TestEnvelopeWithoutContent(t *testing.T) {
	empty := Envelope{KeyID: "sha256:00"}
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
