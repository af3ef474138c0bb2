package tlog

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// MaxEntry is the length in bytes of the longest entry of a bundle.
const MaxEntry = math.MaxUint16

// MaxLeafData is the length in bytes of the longest name and envelope that a bundle of
// envelopes may hold of one entry. Registries accept less; this bounds what a reader
// takes.
const MaxLeafData = 16 << 20

// EncodeEntries returns a bundle of entries: each with its length before it, two bytes,
// big-endian. An error if an entry is longer than [MaxEntry]. Source: tlog-tiles, "Log
// Entries".
func EncodeEntries(entries [][]byte) ([]byte, error) {
	size := 0
	for _, e := range entries {
		size += 2 + len(e)
	}
	b := make([]byte, 0, size)
	for i, e := range entries {
		if len(e) > MaxEntry {
			return nil, fmt.Errorf("entry %d of the bundle has %d bytes; a bundle holds %d at most", i, len(e), MaxEntry)
		}
		b = binary.BigEndian.AppendUint16(b, uint16(len(e)))
		b = append(b, e...)
	}
	return b, nil
}

// ParseEntries is the inverse of [EncodeEntries], of a bundle with a number of entries.
// The entries alias b.
func ParseEntries(b []byte, count int) ([][]byte, error) {
	return parseBundle(b, count, 2, func(b []byte) uint64 { return uint64(binary.BigEndian.Uint16(b)) })
}

// NamedEnvelope is what a bundle of envelopes has of an entry of the records log.
type NamedEnvelope struct {
	Name     string // of the package; "" for a record of the operator log
	Envelope []byte // protobuf message, as [protocol.Envelope.MarshalProto] gives it
}

// EncodeEnvelopes returns a bundle of envelopes: of each entry of the records log, in
// order, the name and the envelope as [protocol.EncodeLeafData] encodes them, with
// their length before them, four bytes, big-endian. The entries themselves commit to
// both: a leaf is the id of the log, which the name gives, and the id of the record,
// which the envelope gives.
func EncodeEnvelopes(envelopes []NamedEnvelope) []byte {
	var b []byte
	for _, e := range envelopes {
		data := protocol.EncodeLeafData(e.Name, e.Envelope)
		b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
		b = append(b, data...)
	}
	return b
}

// ParseEnvelopes is the inverse of [EncodeEnvelopes], of a bundle with a number of
// entries, each of at most [MaxLeafData]. The envelopes alias b. Whether they belong to
// the entries is not checked: see [CheckEnvelope].
func ParseEnvelopes(b []byte, count int) ([]NamedEnvelope, error) {
	parts, err := parseBundle(b, count, 4, func(b []byte) uint64 { return uint64(binary.BigEndian.Uint32(b)) })
	if err != nil {
		return nil, err
	}
	envelopes := make([]NamedEnvelope, count)
	for i, data := range parts {
		if len(data) > MaxLeafData {
			return nil, fmt.Errorf("entry %d of the bundle has %d bytes; %d are allowed", i, len(data), MaxLeafData)
		}
		name, envelope, err := protocol.ParseLeafData(data)
		if err != nil {
			return nil, fmt.Errorf("entry %d of the bundle: %w", i, err)
		}
		envelopes[i] = NamedEnvelope{Name: name, Envelope: envelope}
	}
	return envelopes, nil
}

// parseBundle splits a bundle of count parts with their lengths before them.
func parseBundle(b []byte, count, prefix int, length func([]byte) uint64) ([][]byte, error) {
	parts := make([][]byte, 0, min(max(count, 0), TileWidth))
	for len(b) > 0 {
		if len(b) < prefix || uint64(len(b)-prefix) < length(b) {
			return nil, fmt.Errorf("the bundle is cut off in its entry %d", len(parts))
		}
		if len(parts) == count {
			return nil, fmt.Errorf("the bundle has more than the %d entries that its path says", count)
		}
		end := prefix + int(length(b))
		parts = append(parts, b[prefix:end:end])
		b = b[end:]
	}
	if len(parts) != count {
		return nil, fmt.Errorf("the bundle has %d entries, its path says %d", len(parts), count)
	}
	return parts, nil
}

// CheckEnvelope demands that a name and an envelope are those of an entry of the
// records log, and returns the envelope.
func CheckEnvelope(leaf protocol.LogLeaf, e NamedEnvelope) (protocol.Envelope, error) {
	envelope, err := protocol.UnmarshalEnvelopeProto(e.Envelope)
	if err != nil {
		return envelope, err
	}
	var want protocol.LogLeaf
	if e.Name == "" {
		want = protocol.LogLeaf{LogID: protocol.OperatorLogID(), RecordID: protocol.OperatorRecordID(envelope.Content)}
	} else {
		name, err := protocol.ParsePackageName(e.Name)
		if err != nil {
			return envelope, err
		}
		want = protocol.LogLeaf{LogID: name.LogID(), RecordID: protocol.PackageRecordID(envelope.Content)}
	}
	switch {
	case want.LogID != leaf.LogID:
		return envelope, fmt.Errorf("the name %q is that of log %s, the leaf is one of log %s", e.Name, want.LogID, leaf.LogID)
	case want.RecordID != leaf.RecordID:
		return envelope, fmt.Errorf("the envelope is that of record %s, the leaf is record %s", want.RecordID, leaf.RecordID)
	}
	return envelope, nil
}
