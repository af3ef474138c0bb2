package witness

import "time"

// Outcome is how a submission to a witness ended.
type Outcome string

const (
	// Cosigned: the witness's cosignature is verified.
	Cosigned Outcome = "cosigned"
	// Ahead: the witness has cosigned more of the log than there is here. It passes
	// if another process has published; it does not if the registry was restored
	// from an old backup.
	Ahead Outcome = "ahead"
	// AnotherRoot: the witness has another root of the log. The alarm.
	AnotherRoot Outcome = "another_root"
	// Unavailable: no answer, one too late, or one that says to come back.
	Unavailable Outcome = "unavailable"
	// Misconfigured: the witness does not know the log or its key, or is no witness.
	Misconfigured Outcome = "misconfigured"
	// BadAnswer: no cosignature of the checkpoint by the witness, but something else.
	BadAnswer Outcome = "bad_answer"
	// Internal: the registry could not make what it has to send.
	Internal Outcome = "internal"
)

// Outcomes are all of them, for metrics that begin at 0.
func Outcomes() []Outcome {
	return []Outcome{Cosigned, Ahead, AnotherRoot, Unavailable, Misconfigured, BadAnswer, Internal}
}

// Observer is told what a [Pusher] does, for metrics. Its methods are called by several
// goroutines between two steps of the work, and must return at once. Logs are
// "records" and "checkpoints", witnesses are called what the policy calls them.
type Observer interface {
	// Submitted says how a submission ended, which is an [Outcome], and how long it
	// took, with a second request if the first was for the wrong size.
	Submitted(log, witness, outcome string, took time.Duration)
	// Cosigned says which checkpoint is the newest that a quorum has cosigned and
	// that is stored, and when the quorum did; size 0 that there is none. See [witness.Policy.QuorumTime] in
	// warg/witness. Where the policy asks for no quorum it is when it was stored.
	Cosigned(log string, size uint64, when time.Time)
	// Alarm says whether a witness has another root of the log: first that it has
	// not, for each witness, and then when that changes.
	Alarm(log, witness string, raised bool)
}

// unobserved is for a pusher that nobody observes.
type unobserved struct{}

func (unobserved) Submitted(string, string, string, time.Duration) {}
func (unobserved) Cosigned(string, uint64, time.Time)              {}
func (unobserved) Alarm(string, string, bool)                      {}
