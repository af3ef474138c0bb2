package protocol

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestLogLeaf(t *testing.T) {
	name, err := ParsePackageName("foo:bar")
	if err != nil {
		t.Fatal(err)
	}
	leaf := LogLeaf{LogID: name.LogID(), RecordID: PackageRecordID([]byte{1})}
	b := leaf.Encode()
	if len(b) != 160 {
		t.Errorf("leaf has %d bytes", len(b))
	}
	if back, err := ParseLogLeaf(b); err != nil || back != leaf {
		t.Errorf("read again: %v, %v", back, err)
	}
	equal(t, "leaf hash", leaf.Hash(), HashOf([]byte{0}, b))
	text := string(b)
	for _, bad := range []string{
		"", text[:159], text + "x", text[1:], strings.ToUpper(text), strings.Replace(text, "sha256", "sha512", 1),
		strings.Replace(text, "G", "\xc7\x00", 1), // a padded length
	} {
		if l, err := ParseLogLeaf([]byte(bad)); err == nil {
			t.Errorf("%q is accepted as %v", bad, l)
		}
	}
}

func TestMapHashes(t *testing.T) {
	id := OperatorLogID()
	equal(t, "map key", MapKey(id), HashOf(id[:]))
	record := HashOf([]byte("record"))
	equal(t, "map leaf", MapLeafHash(record), HashOf([]byte("\x00WARG-MAP-LEAF-V0\x47"+record.String())))
}

func TestNormalTime(t *testing.T) {
	for _, c := range []struct {
		seconds int64
		nanos   int32
		want    Time
		ok      bool
	}{
		{0, 0, Time{}, true},
		{5, 1_999_999_999, Time{6, 999_999_999}, true},
		{0, -1, Time{-1, 999_999_999}, true},
		{0, math.MinInt32, Time{-3, 852_516_352}, true},
		{math.MaxInt64, 1_000_000_000, Time{math.MaxInt64, 999_999_999}, true},
		{math.MaxInt64 - 1, 1_000_000_000, Time{math.MaxInt64, 0}, true},
		{math.MaxInt64, -1, Time{math.MaxInt64 - 1, 999_999_999}, true},
		{math.MinInt64, 0, Time{}, false},
		{math.MinInt64, 1_000_000_000, Time{math.MinInt64 + 1, 0}, true},
		{math.MinInt64 + 1, -1_500_000_000, Time{}, false},
		{math.MinInt64 + 1, -1, Time{}, false},
	} {
		got, err := normalTime(c.seconds, c.nanos)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("normalTime(%d, %d) is %v, %v", c.seconds, c.nanos, got, err)
		}
	}
}

func TestTime(t *testing.T) {
	std := time.Date(1969, 12, 31, 23, 59, 59, 5, time.UTC)
	got := TimeOf(std)
	equal(t, "time", got, Time{Seconds: -1, Nanos: 5})
	equal(t, "Std", got.Std(), std)
	equal(t, "order", got.Compare(Time{Seconds: -1, Nanos: 6}), -1)
	equal(t, "order", got.Compare(Time{Seconds: -2, Nanos: 6}), 1)
	text, err := Time{Seconds: 7, Nanos: 5}.text()
	if err != nil || text != "7.5" {
		t.Errorf("text is %q, %v", text, err)
	}
	if back, err := parseTimeText(text); err != nil || back != (Time{Seconds: 7, Nanos: 5}) {
		t.Errorf("read again: %v, %v", back, err)
	}
	for _, bad := range []string{"", "7", "7.", ".5", "-7.5", "7.1000000000", "7.5.5", "7,5", "9223372036854775808.0"} {
		if got, err := parseTimeText(bad); err == nil {
			t.Errorf("%q is accepted as %v", bad, got)
		}
	}
}
