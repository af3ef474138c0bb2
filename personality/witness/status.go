package witness

import (
	"time"

	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// LogStatus is where the cosigning of a log stands.
type LogStatus struct {
	Log tlog.Log
	// Size is that of the newest checkpoint that is sent to witnesses; 0 if there is
	// none, or this process does not lead.
	Size uint64
	// CosignedSize is that of the newest checkpoint that is stored with a quorum, and
	// CosignedTime when the quorum cosigned it; zero where the quorum was that of
	// another policy.
	CosignedSize uint64
	CosignedTime time.Time
	// Problem is why the last attempt to read or store checkpoints failed; nil if it
	// did not.
	Problem   error
	Witnesses []WitnessStatus // in the order of the policy, those at one URL together
}

// WitnessStatus is where a witness stands with a log.
type WitnessStatus struct {
	Name string // in the policy
	URL  string
	// Outcome and Problem are those of the last submission; "" before the first.
	// Problem is nil if the witness has cosigned.
	Outcome Outcome
	Problem error
	Since   time.Time // of this outcome
	// Alarm says that the witness has found another root of the log, and has not
	// cosigned a checkpoint since.
	Alarm bool
	// CosignedSize is what it has last cosigned in this run, and CosignedTime when, by
	// the clock here.
	CosignedSize uint64
	CosignedTime time.Time
}

// Status returns where each log stands, and each witness with it.
func (p *Pusher) Status() []LogStatus {
	p.mu.Lock()
	targets := p.targets
	p.mu.Unlock()
	var all []LogStatus
	for _, l := range p.logs {
		s := l.status()
		for _, t := range targets {
			if t.log == l {
				s.Witnesses = append(s.Witnesses, t.status()...)
			}
		}
		all = append(all, s)
	}
	return all
}

func (l *pushedLog) status() LogStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := LogStatus{Log: l.name, CosignedSize: l.stored, CosignedTime: l.storedTime, Problem: l.problem}
	if n := len(l.candidates); n > 0 {
		s.Size = l.candidates[n-1].size
	}
	return s
}

func (t *target) status() (all []WitnessStatus) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.witnesses {
		all = append(all, t.states[w.Key])
	}
	return all
}

// tell notes how a submission ended for a witness, and logs what has changed.
func (t *target) tell(w witness.Witness, c *candidate, outcome Outcome, err error, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.states[w.Key]
	before, alarm := s.Outcome, s.Alarm
	if outcome != before {
		s.Since = now
	}
	s.Outcome, s.Problem = outcome, err
	switch outcome {
	case Cosigned:
		s.Alarm, s.CosignedSize, s.CosignedTime = false, c.size, now
	case AnotherRoot:
		s.Alarm = true
	}
	t.states[w.Key] = s
	if s.Alarm != alarm && t.ended.Err() == nil {
		t.p.options.Observer.Alarm(string(t.log.name), w.Name, s.Alarm)
	}

	logger := t.p.options.Logger.With("witness", w.Name, "log", t.log.name, "size", c.size)
	switch {
	case outcome == AnotherRoot:
		logger.Error("a witness has another root of the log: clients that trust it will not trust this registry; "+
			"if this registry was restored from an old backup, or two run with one note key, stop it", "error", err, "asked again after", alarmRetry)
	case outcome == Ahead && now.Sub(s.Since) >= aheadPatience:
		logger.Error("a witness has cosigned more of the log than there is here, and for long: the registry may have been restored from an old backup",
			"error", err, "since", s.Since)
	case outcome == Cosigned && before != Cosigned && before != "":
		logger.Info("a witness cosigns again", "before", before)
	case outcome != Cosigned && outcome != before:
		logger.Warn("a witness does not cosign; trying again", "outcome", outcome, "error", err)
	}
}
