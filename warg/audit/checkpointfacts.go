package audit

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// signatureFacts: a checkpoint is signed by a key that may not do so.
type signatureFacts struct {
	Checkpoint json.RawMessage `json:"checkpoint"`
	// Operator are the records of the operator log, as of the checkpoint: envelopes.
	Operator [][]byte `json:"operator"`
	// Proof is a map bundle that proves the last of them to be the head in the map of
	// the checkpoint; without it that there are no more rests on who recorded this.
	Proof []byte `json:"proof,omitempty"`
}

func (f *signatureFacts) judge() (Finding, error) {
	signed, err := claim{Checkpoint: f.Checkpoint}.signedCheckpoint()
	if err != nil {
		return Finding{}, err
	}
	var log protocol.OperatorLog
	rests := "" // of who may sign, on what the map does not commit to
	for i, envelope := range f.Operator {
		stranger, err := extendOperator(&log, envelope)
		if err != nil {
			return Finding{}, err
		}
		if i == 0 && stranger {
			rests = alterable
		}
	}
	proved := f.Proof != nil
	if !proved && rests == "" {
		rests = "that the operator log had no more records"
	}
	if proved {
		head, _, _ := log.Head()
		bundle, err := proof.DecodeMapBundle(f.Proof)
		if err == nil {
			err = bundle.Verify(signed.Contents.MapRoot, []proof.MapLeaf{{LogID: protocol.OperatorLogID(), RecordID: head}})
		}
		if err != nil {
			return Finding{}, err
		}
	}
	finding := Finding{
		Name: CheckpointSignature, Log: string(tlog.Records), Index: &signed.Contents.LogLength, Claimed: "signed by " + string(signed.KeyID),
		Rests: "that the registry served this checkpoint",
	}
	key, known := log.PublicKey(signed.KeyID)
	switch {
	case !known:
		finding.Computed = "the operator log has no such key"
	case signed.Verify(key) != nil:
		finding.Computed = "the signature is not one by this key"
	case !log.HasPermission(signed.KeyID, protocol.PermissionCommit):
		finding.Computed, finding.Signed, finding.Keys = "the key does not hold commit", rests == "", []string{key.String()}
		finding.Rests = rests
	default:
		return Finding{}, notContradicting("the key may sign checkpoints")
	}
	finding.Explanation = fmt.Sprintf("the checkpoint of length %d has no valid signature: %s at that length", signed.Contents.LogLength, finding.Computed)
	return finding, nil
}

// extendOperator takes a record into the operator log, and tells whether a stranger
// signed it.
func extendOperator(log *protocol.OperatorLog, envelope []byte) (stranger bool, err error) {
	env, err := protocol.UnmarshalEnvelopeProto(envelope)
	if err != nil {
		return false, err
	}
	v := operatorVerdict(log, env)
	if v.rule != "" {
		err = fmt.Errorf("an operator record is invalid: %s", v.reason)
	}
	return v.stranger, err
}

// timeFacts: the time of a checkpoint can not be right.
type timeFacts struct {
	What       Name   `json:"what"` // CheckpointFuture, CheckpointStale or TimestampBack
	Checkpoint claim  `json:"checkpoint"`
	Before     *claim `json:"before,omitempty"` // TimestampBack: a checkpoint that was served before
	Now        int64  `json:"now,omitempty"`    // the auditor's clock, in seconds since 1970
	Limit      int64  `json:"limit,omitempty"`  // seconds ahead of Now, or behind it, that are allowed
}

func (f *timeFacts) judge() (Finding, error) {
	head, err := f.Checkpoint.read()
	if err != nil {
		return Finding{}, err
	}
	if head.MapRoot == nil || f.Checkpoint.Checkpoint == nil {
		return Finding{}, errors.New("this is not a signed checkpoint")
	}
	finding := Finding{Name: f.What, Log: string(tlog.Records), Index: &head.Size, Claimed: fmt.Sprintf("time %d", head.Time), Rests: "when it was seen", Keys: head.Keys}
	at := int64(min(head.Time, 1<<62))
	switch f.What {
	case CheckpointFuture:
		finding.Computed = fmt.Sprintf("it was %d", f.Now)
		finding.Explanation = fmt.Sprintf("the checkpoint has a time that had not come yet, by more than %d s", f.Limit)
		if at <= f.Now+f.Limit {
			return Finding{}, notContradicting("the time had come")
		}
	case CheckpointStale:
		finding.Computed = fmt.Sprintf("it was %d", f.Now)
		finding.Explanation = fmt.Sprintf("the latest checkpoint was signed more than %d s ago", f.Limit)
		if f.Limit <= 0 || at >= f.Now-f.Limit {
			return Finding{}, notContradicting("it is new enough")
		}
	case TimestampBack:
		if f.Before == nil {
			return Finding{}, errors.New("there is no checkpoint before it")
		}
		before, err := f.Before.read()
		if err != nil {
			return Finding{}, err
		}
		if f.Before.Checkpoint == nil || before.Size > head.Size || before.Time <= head.Time {
			return Finding{}, notContradicting("the time does not go back")
		}
		finding.Computed = fmt.Sprintf("not before %d", before.Time)
		finding.Explanation = fmt.Sprintf("the checkpoint has an earlier time than the one of length %d before it", before.Size)
		r, err := related(before, head)
		if err != nil {
			return Finding{}, err
		}
		if before.Size == head.Size {
			r.unsigned("which of the checkpoints was served first")
		}
		finding.Keys, finding.Signed, finding.Rests = r.keys, r.signed, r.rests
	default:
		return Finding{}, fmt.Errorf("%s is not about a time", f.What)
	}
	return finding, nil
}

// unloggedFacts: a signed checkpoint is not in the checkpoints log.
type unloggedFacts struct {
	Checkpoint claim `json:"checkpoint"`
	// Entries are one or two entries of the log: the two between which the checkpoint
	// should be; one that has its length and other roots, or is the first and longer;
	// or the last one, which is shorter. None: the log of Head is empty.
	Entries []logged `json:"entries,omitempty"`
	Head    *claim   `json:"head,omitempty"`
	// The last two are a lie only after a time, in seconds, since the checkpoint was
	// seen.
	Since int64 `json:"since,omitempty"`
	Now   int64 `json:"now,omitempty"`
	Limit int64 `json:"limit,omitempty"`
}

func (f *unloggedFacts) judge() (Finding, error) {
	head, err := f.Checkpoint.read()
	if err != nil {
		return Finding{}, err
	}
	if f.Checkpoint.Checkpoint == nil {
		return Finding{}, errors.New("this is not a signed checkpoint")
	}
	claims := []treeClaim{head}
	var entries []protocol.Checkpoint
	for _, e := range f.Entries {
		c, in, err := e.read()
		if err != nil {
			return Finding{}, err
		}
		claims, entries = append(claims, in), append(entries, c)
	}
	if f.Head != nil {
		empty, err := f.Head.read()
		if err != nil {
			return Finding{}, err
		}
		claims = append(claims, empty)
	}
	r, err := related(claims...)
	if err != nil {
		return Finding{}, err
	}
	finding := Finding{Name: CheckpointNotLogged, Log: string(tlog.Checkpoints), Index: &head.Size, Claimed: "the checkpoint was signed"}
	switch {
	case len(entries) == 2 && f.Entries[1].Index == f.Entries[0].Index+1 && entries[0].LogLength < head.Size && head.Size < entries[1].LogLength:
		finding.Computed = fmt.Sprintf("entries %d and %d have the lengths %d and %d", f.Entries[0].Index, f.Entries[1].Index, entries[0].LogLength, entries[1].LogLength)
	case len(entries) == 1 && entries[0].LogLength == head.Size && entries[0] != head.checkpoint():
		finding.Computed = fmt.Sprintf("entry %d has its length and other roots", f.Entries[0].Index)
	case len(entries) == 1 && f.Entries[0].Index == 0 && entries[0].LogLength > head.Size:
		finding.Computed = fmt.Sprintf("the first entry has the length %d", entries[0].LogLength)
	default:
		r.unsigned("when the checkpoint and the log were seen")
		if finding.Computed, err = f.missing(head, claims, entries); err != nil {
			return Finding{}, err
		}
	}
	finding.Explanation = fmt.Sprintf("the signed checkpoint of length %d is not in the checkpoints log: %s", head.Size, finding.Computed)
	finding.Keys, finding.Signed, finding.Rests = r.keys, r.signed, r.rests
	return finding, nil
}

// missing judges a checkpoint that the log does not reach.
func (f *unloggedFacts) missing(head treeClaim, claims []treeClaim, entries []protocol.Checkpoint) (string, error) {
	size := uint64(0)
	switch {
	case len(entries) == 1:
		size = claims[1].Size
		if f.Entries[0].Index+1 != size || entries[0].LogLength >= head.Size {
			return "", notContradicting("the entry is not the last one, or as long as the checkpoint")
		}
	case len(entries) == 0 && f.Head != nil:
		empty, err := f.Head.read()
		if err != nil || empty.Log != tlog.Checkpoints || empty.Size != 0 {
			return "", notContradicting("the checkpoints log is not empty")
		}
	default:
		return "", notContradicting("these entries do not show that it is missing")
	}
	if f.Limit <= 0 || f.Now-f.Since <= f.Limit {
		return "", notContradicting("it is not missing for long")
	}
	return fmt.Sprintf("the log of %d entries ended before it %d s later", size, f.Now-f.Since), nil
}

// staleFacts: a note stays behind the signed checkpoints.
type staleFacts struct {
	Note       claim `json:"note"` // of either log
	Checkpoint claim `json:"checkpoint"`
	// Last is the newest entry of the checkpoints log, if the note is its.
	Last  *logged `json:"last,omitempty"`
	Since int64   `json:"since"` // when the note was the newest there was: seconds since 1970
	Now   int64   `json:"now"`
	Limit int64   `json:"limit"` // seconds
}

func (f *staleFacts) judge() (Finding, error) {
	note, err := f.Note.read()
	if err != nil {
		return Finding{}, err
	}
	checkpoint, err := f.Checkpoint.read()
	if err != nil {
		return Finding{}, err
	}
	if f.Note.Note == nil || f.Checkpoint.Checkpoint == nil {
		return Finding{}, errors.New("these are not a note and a signed checkpoint")
	}
	claims := []treeClaim{note, checkpoint}
	covers := note.Size
	if note.Log == tlog.Checkpoints {
		covers = 0
		if f.Last != nil {
			last, in, err := f.Last.read()
			if err != nil {
				return Finding{}, err
			}
			if in.Size != note.Size || in.Root != note.Root || f.Last.Index+1 != note.Size {
				return Finding{}, notContradicting("the entry is not the last one of the note")
			}
			covers, claims = last.LogLength, append(claims, in)
		} else if note.Size > 0 {
			return Finding{}, notContradicting("the last entry is missing")
		}
	}
	if covers >= checkpoint.Size {
		return Finding{}, notContradicting("the note is as far as the checkpoint")
	}
	if f.Limit <= 0 || f.Now-f.Since <= f.Limit {
		return Finding{}, notContradicting("it is not behind for long")
	}
	r, err := related(claims...)
	if err != nil {
		return Finding{}, err
	}
	return Finding{
		Name: NoteStale, Log: note.logName(), Index: &note.Size,
		Claimed: fmt.Sprintf("the newest note covers %d records", covers), Computed: fmt.Sprintf("a checkpoint of %d records is signed", checkpoint.Size),
		Explanation: fmt.Sprintf("the note of the %s log is %d s old and behind the signed checkpoints", note.Log, f.Now-f.Since),
		Rests:       "when the note and the checkpoint were seen", Keys: r.keys,
	}, nil
}
