package protocol

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Time is the time of a record: Seconds since 1970-01-01 00:00 UTC, negative
// before, and Nanos after that second, 0 to 999,999,999. It covers all that a
// protobuf Timestamp can hold but the very first second, far more than
// [time.Time]. Values are comparable.
type Time struct {
	Seconds int64
	Nanos   int32
}

const nanosPerSecond = 1_000_000_000

// TimeOf returns t in the protocol's form.
func TimeOf(t time.Time) Time {
	return Time{Seconds: t.Unix(), Nanos: int32(t.Nanosecond())}
}

// Std returns t as a [time.Time] in UTC. Far beyond the year 292 billion it wraps.
func (t Time) Std() time.Time { return time.Unix(t.Seconds, int64(t.Nanos)).UTC() }

// Compare orders times; it returns -1, 0 or 1.
func (t Time) Compare(other Time) int {
	return cmp.Or(cmp.Compare(t.Seconds, other.Seconds), cmp.Compare(t.Nanos, other.Nanos))
}

// normalTime makes a Time of a Timestamp message, whose nanos may be any int32,
// as prost-types 0.12 does it: nanos carry into the seconds, which stay at
// their limits if they would overflow.
func normalTime(seconds int64, nanos int32) (Time, error) {
	carry := int64(nanos / nanosPerSecond)
	if nanos %= nanosPerSecond; nanos < 0 {
		nanos += nanosPerSecond
		carry--
	}
	switch {
	case carry > 0 && seconds > math.MaxInt64-carry:
		seconds, nanos = math.MaxInt64, nanosPerSecond-1
	case carry < 0 && seconds < math.MinInt64-carry:
		seconds, nanos = math.MinInt64, 0
	default:
		seconds += carry
	}
	if seconds == math.MinInt64 {
		return Time{}, errors.New("time is not representable because it is out of range")
	}
	return Time{Seconds: seconds, Nanos: nanos}, nil
}

// text returns the form that states hold: seconds, a dot, and nanoseconds
// without leading zeros (7.5 is 5 ns after second 7).
func (t Time) text() (string, error) {
	if t.Seconds < 0 {
		return "", errors.New("timestamp must be later than UNIX_EPOCH")
	}
	return fmt.Sprintf("%d.%d", t.Seconds, t.Nanos), nil
}

func parseTimeText(text string) (Time, error) {
	seconds, nanos, ok := strings.Cut(text, ".")
	if !ok {
		return Time{}, errors.New("timestamp must be in the format <secs>.<nsecs>")
	}
	s, err := strconv.ParseUint(seconds, 10, 63)
	if err != nil {
		return Time{}, fmt.Errorf("seconds of timestamp %q: %w", text, err)
	}
	n, err := strconv.ParseUint(nanos, 10, 32)
	if err != nil || n >= nanosPerSecond {
		return Time{}, fmt.Errorf("timestamp %q has no valid nanoseconds", text)
	}
	return Time{Seconds: int64(s), Nanos: int32(n)}, nil
}
