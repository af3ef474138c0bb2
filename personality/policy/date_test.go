package policy

import (
	"errors"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func TestNotAhead(t *testing.T) {
	// Times are told in UTC, whatever the zone of the clock.
	now := time.Date(2026, 11, 26, 4, 30, 27, 5, time.FixedZone("east", 2*60*60))
	const tolerance = 10 * time.Minute
	latest := protocol.TimeOf(now.Add(tolerance))
	later := protocol.Time{Seconds: latest.Seconds, Nanos: latest.Nanos + 1}
	for _, c := range []struct {
		at   protocol.Time
		want string
	}{
		{protocol.Time{Seconds: -1}, ""},
		{protocol.TimeOf(now), ""},
		{latest, ""},
		{later, "the record is dated 2026-11-26T02:40:27Z, more than 10m0s ahead of the time of this registry, 2026-11-26T02:30:27Z: check the clock of the machine that signed it"},
		{protocol.Time{Seconds: lastSecond}, "the record is dated 9999-12-31T23:59:59Z, more than 10m0s ahead of the time of this registry, 2026-11-26T02:30:27Z: check the clock of the machine that signed it"},
		{protocol.Time{Seconds: lastSecond + 1}, "the time of the record is not between the years 1970 and 9999"},
		{protocol.Time{Seconds: 1<<63 - 1}, "the time of the record is not between the years 1970 and 9999"},
	} {
		err := NotAhead(now, tolerance, new(protocol.PackageLog), &protocol.PackageRecord{Time: c.at})
		var rejected *RejectionError
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &rejected) || rejected.Reason != c.want) {
			t.Errorf("dated %v: %v, want %q", c.at, err, c.want)
		}
	}
}

// A log that is ahead already goes on as the protocol allows.
func TestNotAheadOfALogThatIs(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	alice := newAuthor(t)
	for _, c := range []struct {
		head int64 // of the log, in seconds ahead of now
		ok   bool
	}{{-100, false}, {60, false}, {61, true}, {1_000_000, true}} {
		h := &history{t: t, seconds: now.Unix() + c.head}
		h.accept(alice, initEntry(alice))
		record := &protocol.PackageRecord{Time: protocol.Time{Seconds: now.Unix() + 1_000_000}}
		if err := NotAhead(now, time.Minute, &h.log, record); (err == nil) != c.ok {
			t.Errorf("head %d s ahead: %v, want accepted %v", c.head, err, c.ok)
		}
		if err := NotAhead(now, time.Minute, &h.log, &protocol.PackageRecord{Time: protocol.TimeOf(now)}); err != nil {
			t.Errorf("head %d s ahead, record dated now: %v", c.head, err)
		}
	}
}
