package policy

import (
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// NotAhead refuses a record that is dated more than tolerance after now, the time
// of this server: no record of its log can be dated before it, so one with a date
// far ahead locks the log until that date. log is the state of the log before the
// record. If its newest record is itself dated so far ahead, then the log can only
// go on with such dates, and the record is left to the protocol's rule. The error
// is a [RejectionError].
func NotAhead(now time.Time, tolerance time.Duration, log *protocol.PackageLog, record *protocol.PackageRecord) error {
	_, head, begun := log.Head()
	return notAhead(now, tolerance, head, begun, record.Time)
}

func notAhead(now time.Time, tolerance time.Duration, head protocol.Time, begun bool, at protocol.Time) error {
	latest := protocol.TimeOf(now.Add(tolerance))
	if at.Compare(latest) <= 0 || begun && head.Compare(latest) > 0 {
		return nil
	}
	if at.Seconds > lastSecond {
		return rejectYear()
	}
	return rejection("the record is dated %s, more than %s ahead of the time of this registry, %s: check the clock of the machine that signed it",
		dateText(at.Std()), tolerance, dateText(now))
}

// rejectYear is the refusal of dates for which there is no text.
func rejectYear() error {
	return rejection("the time of the record is not between the years 1970 and 9999")
}

// dateText is the time in UTC as RFC 3339 has it, to the second.
func dateText(t time.Time) string { return t.UTC().Format(time.RFC3339) }
