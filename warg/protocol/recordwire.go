package protocol

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/warg-trillian/warg-trillian/warg/internal/protoread"
)

// wireRecord is a PackageRecord or OperatorRecord message (warg.proto, package
// warg.protocol) as it comes off the wire: both have the same fields and differ
// in their entries. Texts alias the message.
type wireRecord struct {
	prev    []byte
	hasPrev bool
	version uint32
	hasTime bool
	seconds int64
	nanos   int32
	keep    int         // how many entries to keep; those behind are read all the same
	entries []wireEntry // those that are kept
	count   int         // of all entries
	passing wireEntry   // the newest that is not kept
}

// wireEntry is an entry's oneof: field says which member is set, 0 none.
type wireEntry struct {
	field       uint32
	text1       []byte // field 1 of the member
	text2       []byte // field 2, if it is a string
	permissions []int32
}

// secondField says what field 2 of an entry's message is; field 1 is always a
// string.
type secondField uint8

const (
	noSecondField secondField = iota
	stringSecond
	permissionsSecond
)

// entryShapes has the second field by the entry's number in the oneof, 1 to 5.
type entryShapes [6]secondField

// Field numbers in both record messages and in google.protobuf.Timestamp.
const (
	recordPrev    = 1
	recordVersion = 2
	recordTime    = 3
	recordEntries = 4

	timeSeconds = 1
	timeNanos   = 2
)

// decodeWireRecord reads the whole message before anything in it is looked at,
// as the reference does: damage anywhere is reported before bad values. Fields
// that stand twice follow proto3: scalars are replaced, messages merged. All
// entries are read and counted, the first keep of them are kept.
func decodeWireRecord(content []byte, shapes *entryShapes, keep int) (wireRecord, error) {
	rec := wireRecord{keep: keep}
	r := protoread.New(content)
	for !r.Done() {
		f, err := r.Next()
		if err == nil {
			err = rec.setField(&r, f, shapes)
		}
		if err != nil {
			return wireRecord{}, fmt.Errorf("failed to decode Protobuf message: %w", err)
		}
	}
	return rec, nil
}

func (rec *wireRecord) setField(r *protoread.Reader, f protoread.Field, shapes *entryShapes) error {
	var err error
	switch f.Number {
	case recordPrev:
		rec.hasPrev = true
		rec.prev, err = f.Text()
	case recordVersion:
		rec.version, err = uint32(f.Varint), f.Want(protowire.VarintType)
	case recordTime:
		rec.hasTime = true
		if err = f.Want(protowire.BytesType); err == nil {
			err = rec.mergeTime(r.Nested(f.Bytes))
		}
	case recordEntries:
		if err = f.Want(protowire.BytesType); err == nil {
			err = rec.nextEntry().merge(r.Nested(f.Bytes), shapes)
		}
	}
	return err
}

// nextEntry returns where to read the next entry.
func (rec *wireRecord) nextEntry() *wireEntry {
	rec.count++
	if rec.count > rec.keep {
		rec.passing = wireEntry{permissions: rec.passing.permissions[:0]}
		return &rec.passing
	}
	rec.entries = append(rec.entries, wireEntry{})
	return &rec.entries[rec.count-1]
}

func (rec *wireRecord) mergeTime(r protoread.Reader) error {
	for !r.Done() {
		f, err := r.Next()
		if err != nil {
			return err
		}
		switch f.Number {
		case timeSeconds:
			rec.seconds, err = int64(f.Varint), f.Want(protowire.VarintType)
		case timeNanos:
			rec.nanos, err = int32(f.Varint), f.Want(protowire.VarintType)
		}
		if err != nil {
			return fmt.Errorf("time: %w", err)
		}
	}
	return nil
}

func (e *wireEntry) merge(r protoread.Reader, shapes *entryShapes) error {
	for !r.Done() {
		f, err := r.Next()
		if err != nil {
			return err
		}
		if f.Number >= uint32(len(shapes)) {
			continue
		}
		if err := f.Want(protowire.BytesType); err != nil {
			return fmt.Errorf("entry: %w", err)
		}
		if e.field != f.Number { // another member of the oneof replaces this one
			*e = wireEntry{field: f.Number, permissions: e.permissions[:0]}
		}
		if err := e.mergeMember(r.Nested(f.Bytes), shapes[f.Number]); err != nil {
			return fmt.Errorf("entry: %w", err)
		}
	}
	return nil
}

func (e *wireEntry) mergeMember(r protoread.Reader, second secondField) error {
	for !r.Done() {
		f, err := r.Next()
		if err != nil {
			return err
		}
		switch {
		case f.Number == 1:
			e.text1, err = f.Text()
		case f.Number == 2 && second == stringSecond:
			e.text2, err = f.Text()
		case f.Number == 2 && second == permissionsSecond:
			e.permissions, err = protoread.AppendNumbers(e.permissions, f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// header checks the fields that both kinds of record have, in the reference's
// order.
func (rec *wireRecord) header() (prev AnyHash, t Time, err error) {
	if rec.hasPrev {
		if prev, err = ParseAnyHash(string(rec.prev)); err != nil {
			return "", Time{}, err
		}
	}
	if !rec.hasTime {
		return "", Time{}, errors.New("empty or invalid timestamp in record")
	}
	t, err = normalTime(rec.seconds, rec.nanos)
	return prev, t, err
}

// appendRecordHeader appends all fields of a record but its entries.
func appendRecordHeader(b []byte, prev AnyHash, version uint32, t Time) []byte {
	if prev != "" {
		b = appendText(b, recordPrev, string(prev))
	}
	if version != 0 {
		b = protowire.AppendTag(b, recordVersion, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(version))
	}
	var stamp []byte
	if t.Seconds != 0 {
		stamp = protowire.AppendTag(stamp, timeSeconds, protowire.VarintType)
		stamp = protowire.AppendVarint(stamp, uint64(t.Seconds))
	}
	if t.Nanos != 0 {
		stamp = protowire.AppendTag(stamp, timeNanos, protowire.VarintType)
		stamp = protowire.AppendVarint(stamp, uint64(t.Nanos))
	}
	return appendMessage(b, recordTime, stamp)
}

// appendEntry appends an entry whose oneof holds the given member.
func appendEntry(b []byte, field protowire.Number, member []byte) []byte {
	return appendMessage(b, recordEntries, appendMessage(nil, field, member))
}

func appendMessage(b []byte, field protowire.Number, message []byte) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendBytes(b, message)
}

// appendText appends a string field; proto3 leaves empty ones out.
func appendText(b []byte, field protowire.Number, text string) []byte {
	if text == "" {
		return b
	}
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendString(b, text)
}

// appendPermissions appends a packed repeated enum field.
func appendPermissions[P ~string](b []byte, field protowire.Number, all, permissions []P) []byte {
	if len(permissions) == 0 {
		return b
	}
	var packed []byte
	for _, p := range permissions {
		packed = protowire.AppendVarint(packed, permissionNumber(all, p))
	}
	return appendMessage(b, field, packed)
}
