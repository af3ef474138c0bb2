package audit

import (
	"cmp"
	"context"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Options of [New]. The zero value is usable, and pins nothing.
type Options struct {
	// OperatorKey is the key that the operator log must begin with. The zero value
	// takes the one that is met first.
	OperatorKey protocol.PublicKey
	// VKeys are public note keys, "<name>+<hash>+<base64>". The name of a log's key is
	// the origin of the log and ends with "/tlog/records" or "/tlog/checkpoints".
	// Without the key of a log the signature of its notes is not checked.
	VKeys []string
	// Policy is the text of a tlog-policy with the witnesses whose cosignatures the
	// notes must have. Its log lines count as VKeys. Empty: cosignatures are not
	// checked.
	Policy []byte

	// Content asks for the bytes of every release, yanked ones included: those need not be
	// there, but must be right if they are.
	Content bool
	// MaxContent is the largest content that is read, in bytes; 0: 1 GiB. Longer ones are
	// unchecked.
	MaxContent int64

	// CheckAgain is the time in which everything is looked at again that was right before:
	// the answers of the API for each log, the bytes of each content, the static files.
	// Each round looks at the part of it that is due; 0: 24 hours; negative: never.
	CheckAgain time.Duration
	// Again has everything looked at again in each round.
	Again bool

	// ClockTolerance is how far ahead of Now times may be; 0: 2 minutes.
	ClockTolerance time.Duration
	// MaxNoteAge is for how long a note may be behind a signed checkpoint, and how long ago
	// a quorum of Policy may have cosigned it; 0: 24 hours. Registries of this project have
	// their notes cosigned again every hour.
	MaxNoteAge time.Duration
	// MaxUnlogged is for how long a signed checkpoint may be missing at the end of the
	// checkpoints log; 0: 1 hour.
	MaxUnlogged time.Duration
	// MaxCheckpointAge is how old the time of the latest checkpoint may be; 0: 24 hours of
	// a registry with static files, which signs its latest checkpoint again every few
	// minutes, and any age of another; negative: any age.
	MaxCheckpointAge time.Duration
	// NoteWait is how long a round waits in all for notes to reach the latest
	// checkpoint; 0: 2 seconds; negative: it does not wait. What they do not reach is
	// checked in a later round.
	NoteWait time.Duration

	// MaxFindings of one name are kept in a round, the others are counted; 0: 10.
	// Of bundle-incomplete, proof-differs and checkpoint-never-served, which come at every
	// checkpoint for one cause, one is.
	MaxFindings int
	// CommitEvery is after how many records what is known is committed to the store;
	// 0: 4096.
	CommitEvery int

	// Progress is called from time to time by the goroutine of Round; nil: it is not.
	Progress func(Progress)
	// Found is called with each finding as it is made; nil: it is not.
	Found func(Finding)

	// Now is the clock; nil: [time.Now].
	Now func() time.Time
	// Pause waits; nil: a timer. It returns early with an error if ctx ends.
	Pause func(ctx context.Context, d time.Duration) error
}

// Progress is how far a round has come.
type Progress struct {
	Doing string // "tiles", "records", "logs", "checkpoints", "content"
	Done  uint64
	Of    uint64
}

func (o Options) withDefaults() Options {
	o.MaxContent = cmp.Or(o.MaxContent, 1<<30)
	o.CheckAgain = cmp.Or(o.CheckAgain, 24*time.Hour)
	o.ClockTolerance = cmp.Or(o.ClockTolerance, 2*time.Minute)
	o.MaxNoteAge = cmp.Or(o.MaxNoteAge, 24*time.Hour)
	o.MaxUnlogged = cmp.Or(o.MaxUnlogged, time.Hour)
	o.NoteWait = cmp.Or(o.NoteWait, 2*time.Second)
	o.MaxFindings = cmp.Or(o.MaxFindings, 10)
	o.CommitEvery = cmp.Or(o.CommitEvery, 4096)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Pause == nil {
		o.Pause = pause
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Found == nil {
		o.Found = func(Finding) {}
	}
	return o
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
