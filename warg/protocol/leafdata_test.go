package protocol

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func TestLeafData(t *testing.T) {
	for _, c := range []struct {
		name     string
		envelope []byte
		want     string
	}{
		{"a:b", []byte{1, 2}, "0a03613a6212020102"},
		{"", []byte{1, 2}, "12020102"},
		{"a:b", nil, "0a03613a621200"},
		{"a:b", bytes.Repeat([]byte{1}, 100), "0a03613a621264" + strings.Repeat("01", 100)}, // as long as real ones
	} {
		data := EncodeLeafData(c.name, c.envelope)
		if got := hex.EncodeToString(data); got != c.want {
			t.Errorf("%q and %x are written as %s, want %s", c.name, c.envelope, got, c.want)
		}
		name, envelope, err := ParseLeafData(data)
		if err != nil || name != c.name || !bytes.Equal(envelope, c.envelope) {
			t.Errorf("%x is read as %q and %x, error %v", data, name, envelope, err)
		}
	}
}

func TestParseLeafData(t *testing.T) {
	for text, want := range map[string]string{
		"12020102 0a03613a62": "a:b", // in another order
		"12020102 1a0100":     "",    // with an unknown field
	} {
		data, _ := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		name, envelope, err := ParseLeafData(data)
		if err != nil || name != want || !bytes.Equal(envelope, []byte{1, 2}) {
			t.Errorf("%s is read as %q and %x, error %v", text, name, envelope, err)
		}
	}
	for text, want := range map[string]string{
		"":                               "no envelope",
		"0a03613a62":                     "no envelope",
		"0a03613a62 120201":              "buffer underflow",
		"0a01ff 12020102":                "not UTF-8",
		"0a0161 0a0162 12020102":         "twice",
		"0a0161 12020102 12020102":       "twice",
		"0801 12020102":                  "wire type",
		"1001":                           "wire type",
		"12020102 80808080 1000":         "invalid key",
		"12020102 00":                    "invalid",
		hex.EncodeToString([]byte("x;")): "",
	} {
		data, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if name, envelope, err := ParseLeafData(data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is read as %q and %x, error %v, want %q", text, name, envelope, err, want)
		}
	}
}
