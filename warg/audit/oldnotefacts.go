package audit

import (
	"fmt"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// oldNoteFacts: no quorum of witnesses has cosigned a note of late, though registries
// have theirs cosigned again when nothing is new.
type oldNoteFacts struct {
	Note   claim  `json:"note"` // of either log
	Policy []byte `json:"policy"`
	Now    int64  `json:"now"`   // the auditor's clock, in seconds since 1970
	Limit  int64  `json:"limit"` // seconds
}

func (f *oldNoteFacts) judge() (Finding, error) {
	head, err := f.Note.read()
	if err != nil {
		return Finding{}, err
	}
	if f.Note.Note == nil {
		return Finding{}, notContradicting("this is not a note")
	}
	policy, err := witness.ParsePolicy(f.Policy)
	if err != nil {
		return Finding{}, err
	}
	cosigned, err := policy.Cosignatures(f.Note.Note)
	if err != nil {
		return Finding{}, err
	}
	at, ok := policy.QuorumTime(cosigned.Cosignatures)
	if !ok {
		return Finding{}, notContradicting("no quorum has cosigned it, so that it has no time")
	}
	if f.Limit <= 0 || f.Now-at.Unix() <= f.Limit {
		return Finding{}, notContradicting("it was cosigned of late")
	}
	when := func(seconds int64) string { return time.Unix(seconds, 0).UTC().Format(time.RFC3339) }
	return Finding{
		Name: NoteStale, Log: head.logName(), Index: &head.Size,
		Claimed: "cosigned by the quorum at " + when(at.Unix()), Computed: "seen at " + when(f.Now),
		Explanation: fmt.Sprintf("the quorum of witnesses cosigned the note of the %s log more than %d s ago: it is an old one, or the witnesses are away", head.Log, f.Limit),
		Rests:       "when the note was seen", Keys: head.Keys,
	}, nil
}
