package protoread

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// readAll reads every field of a message given in hex.
func readAll(t *testing.T, text string) ([]Field, error) {
	t.Helper()
	message, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	var fields []Field
	r := New(message)
	for !r.Done() {
		f, err := r.Next()
		if err != nil {
			return fields, err
		}
		fields = append(fields, f)
	}
	return fields, nil
}

func TestFields(t *testing.T) {
	for text, want := range map[string]Field{
		"08 05":                            {Number: 1, Type: protowire.VarintType, Varint: 5},
		"08 85 80 80 80 80 80 80 80 80 00": {Number: 1, Type: protowire.VarintType, Varint: 5}, // padded to ten bytes
		"08 ff ff ff ff ff ff ff ff ff 01": {Number: 1, Type: protowire.VarintType, Varint: 1<<64 - 1},
		"88 80 00 05":                      {Number: 1, Type: protowire.VarintType, Varint: 5}, // a padded key
		"12 03 61 62 63":                   {Number: 2, Type: protowire.BytesType, Bytes: []byte("abc")},
		"12 00":                            {Number: 2, Type: protowire.BytesType},
		"1d 01 02 03 04":                   {Number: 3, Type: protowire.Fixed32Type},
		"21 01 02 03 04 05 06 07 08":       {Number: 4, Type: protowire.Fixed64Type},
		"2b 2c":                            {Number: 5, Type: protowire.StartGroupType},
		"2b 08 01 12 01 61 33 1d 00 00 00 00 34 2c": {Number: 5, Type: protowire.StartGroupType},
		"f8 ff ff ff 0f 00":                         {Number: 1<<29 - 1, Type: protowire.VarintType},
	} {
		fields, err := readAll(t, text)
		if err != nil || len(fields) != 1 {
			t.Errorf("%s: %d fields, error %v", text, len(fields), err)
			continue
		}
		got := fields[0]
		if got.Number != want.Number || got.Type != want.Type || got.Varint != want.Varint || !bytes.Equal(got.Bytes, want.Bytes) {
			t.Errorf("%s is read as %+v, want %+v", text, got, want)
		}
	}
}

func TestRefusedFields(t *testing.T) {
	for text, want := range map[string]string{
		"80 80 80 80 10 00":                   "invalid key value: 4294967296", // number 2^29
		"00 00":                               "invalid tag value: 0",
		"08":                                  "invalid varint",
		"80":                                  "invalid varint",
		"08 80 80 80 80 80 80 80 80 80 02":    "invalid varint",
		"08 80 80 80 80 80 80 80 80 80 80 00": "invalid varint",
		"12 04 61 62 63":                      "buffer underflow",
		"12 ff ff ff ff ff ff ff ff ff 01 00": "buffer underflow",
		"12":                                  "invalid varint",
		"1d 01 02 03":                         "buffer underflow",
		"21 01 02 03 04 05 06 07":             "buffer underflow",
		"0c":                                  "unexpected end group tag",
		"0b 14":                               "unexpected end group tag", // of another group
		"0b":                                  "invalid varint",           // never closed
		"0b 08 0c":                            "invalid varint",
		"0e":                                  "invalid wire type value: 6",
		"0f":                                  "invalid wire type value: 7",
	} {
		if fields, err := readAll(t, text); err == nil || err.Error() != want {
			t.Errorf("%s: %+v, error %v, want %s", text, fields, err, want)
		}
	}
}

func TestNesting(t *testing.T) {
	groups := func(n int) []byte {
		return append(bytes.Repeat([]byte{0x0b}, n), bytes.Repeat([]byte{0x0c}, n)...)
	}
	read := func(r Reader) error {
		_, err := r.Next()
		return err
	}
	if err := read(New(groups(recursionLimit))); err != nil {
		t.Errorf("%d groups: %v", recursionLimit, err)
	}
	if err := read(New(groups(recursionLimit + 1))); err == nil || err.Error() != "recursion limit reached" {
		t.Errorf("%d groups: %v", recursionLimit+1, err)
	}
	outer := New(nil)
	if err := read(outer.Nested(groups(recursionLimit - 1))); err != nil {
		t.Errorf("%d groups in a message: %v", recursionLimit-1, err)
	}
	if err := read(outer.Nested(groups(recursionLimit))); err == nil {
		t.Errorf("%d groups in a message are accepted", recursionLimit)
	}
}

func TestFieldTypes(t *testing.T) {
	number := Field{Number: 3, Type: protowire.VarintType, Varint: 1<<32 + 7}
	text := Field{Number: 4, Type: protowire.BytesType, Bytes: []byte("é")}
	if got, err := number.Uint32(); got != 7 || err != nil {
		t.Errorf("number is %d, %v", got, err)
	}
	if got, err := text.Text(); string(got) != "é" || err != nil {
		t.Errorf("text is %q, %v", got, err)
	}
	if got, err := text.Message(); string(got) != "é" || err != nil {
		t.Errorf("message is %q, %v", got, err)
	}
	const want = "field 3: invalid wire type: 0 (expected 2)"
	if _, err := number.Text(); err == nil || err.Error() != want {
		t.Errorf("text of a number: %v", err)
	}
	if _, err := number.Message(); err == nil || err.Error() != want {
		t.Errorf("message of a number: %v", err)
	}
	if _, err := text.Uint32(); err == nil {
		t.Error("a text is a number")
	}
	text.Bytes = []byte{0xff}
	if _, err := text.Text(); err == nil || !strings.Contains(err.Error(), "field 4: invalid string value") {
		t.Errorf("text that is not UTF-8: %v", err)
	}
	if _, err := text.Message(); err != nil {
		t.Errorf("bytes that are not UTF-8: %v", err)
	}
}

func TestAppendNumbers(t *testing.T) {
	one := Field{Number: 2, Type: protowire.VarintType, Varint: 1<<64 - 1}
	packed := Field{Number: 2, Type: protowire.BytesType, Bytes: []byte{1, 0x80, 1, 0xff, 0xff, 0xff, 0xff, 0x1f}}
	list, err := AppendNumbers([]int32{9}, one)
	if err == nil {
		list, err = AppendNumbers(list, packed)
	}
	if want := []int32{9, -1, 1, 128, -1}; err != nil || !slices.Equal(list, want) {
		t.Errorf("numbers are %d, %v, want %d", list, err, want)
	}
	for _, f := range []Field{
		{Number: 2, Type: protowire.BytesType, Bytes: []byte{1, 0x80}},
		{Number: 2, Type: protowire.Fixed32Type},
	} {
		if list, err := AppendNumbers([]uint32(nil), f); err == nil || !strings.Contains(err.Error(), "field 2") {
			t.Errorf("%+v gives %d, %v", f, list, err)
		}
	}
}
