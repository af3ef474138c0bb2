package audit

import (
	"errors"
	"fmt"
	"slices"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// maxStatements is how many statements on content are read at most.
const maxStatements = 100_000

// statementsFacts: the operator's list of withheld content does not hold, lacks what was in
// it before, or has something else there.
type statementsFacts struct {
	What Name `json:"what"` // WithheldListInvalid, WithheldListRewound or WithheldListForked
	// Operator are the records of the operator log, from the first on: envelopes.
	Operator [][]byte `json:"operator"`
	// Before is the newest statement that was seen before the list that is refuted, which
	// has none of its number, or Other.
	Before *withheld.Signed `json:"before,omitempty"`
	Other  *withheld.Signed `json:"other,omitempty"`
	Pages  []exchange       `json:"pages,omitempty"` // the list, from its beginning
}

// bulk implements [bulky].
func (f *statementsFacts) bulk() (bytes int) {
	for _, p := range f.Pages {
		bytes += len(p.Answer)
	}
	return bytes
}

func (f *statementsFacts) judge() (Finding, error) {
	first, rests, err := f.signers()
	if err != nil {
		return Finding{}, err
	}
	finding := Finding{Name: f.What, Log: "withheld", Keys: []string{first.String()}}
	switch f.What {
	case WithheldListInvalid:
		err = f.judgeInvalid(&finding)
	case WithheldListRewound:
		err = f.judgeRewound(&finding)
	case WithheldListForked:
		finding.Signed, finding.Rests = rests == "", rests
		err = f.judgeForked(&finding)
	default:
		err = fmt.Errorf("%s is not about a list of withheld content", f.What)
	}
	return finding, err
}

// judgeInvalid demands that a statement of the list does not hold.
func (f *statementsFacts) judgeInvalid(finding *Finding) error {
	list, err := f.answered()
	if err != nil {
		return err
	}
	if list.wrong == nil {
		return notContradicting("the list holds")
	}
	finding.Claimed, finding.Computed = "a list of statements by the operator", list.wrong.Err.Error()
	finding.Explanation = fmt.Sprintf("the operator's list of withheld content does not hold behind %d statements: %v", len(list.all), list.wrong.Err)
	var unknown *withheld.KeyError
	if errors.As(list.wrong, &unknown) {
		finding.Rests = "that the registry gave this answer, and that the operator log had no more records"
	}
	return nil
}

// judgeRewound demands that the list has fewer statements than before.
func (f *statementsFacts) judgeRewound(finding *Finding) error {
	if err := f.known(f.Before, finding); err != nil {
		return err
	}
	list, err := f.answered()
	if err != nil {
		return err
	}
	n := uint64(len(list.all))
	if list.wrong != nil || n > f.Before.Sequence {
		return notContradicting("the list has as many statements as before, or does not hold")
	}
	finding.Claimed, finding.Computed = fmt.Sprintf("there are %d statements", n), fmt.Sprintf("statement %d was seen before", f.Before.Sequence)
	if last := f.Pages[len(f.Pages)-1]; !last.has() {
		finding.Claimed = fmt.Sprintf("status %d", last.Status)
	}
	finding.Explanation = fmt.Sprintf("the operator's list of withheld content ends behind %d statements, and had %d before", n, f.Before.Sequence+1)
	finding.Rests = "that the registry gave this answer, and after it had given the statement"
	return nil
}

// judgeForked demands that there are two statements of one number.
func (f *statementsFacts) judgeForked(finding *Finding) error {
	if err := errors.Join(f.known(f.Before, finding), f.known(f.Other, finding)); err != nil {
		return err
	}
	if f.Before.Sequence != f.Other.Sequence || f.Before.Hash() == f.Other.Hash() {
		return notContradicting("the statements are not two of one number")
	}
	finding.Claimed, finding.Computed = "statement "+f.Other.Hash().String(), "statement "+f.Before.Hash().String()
	finding.Explanation = fmt.Sprintf("there are two statements %d of the operator on withheld content: the list was shown with one, and with the other; "+
		"or somebody has a key of the operator's", f.Before.Sequence)
	return nil
}

// known demands that a statement is by a key of the operator log, which is added to those of
// the finding.
func (f *statementsFacts) known(s *withheld.Signed, finding *Finding) error {
	if s == nil {
		return errors.New("a statement is missing")
	}
	origin, keys, err := f.operator()
	if err != nil {
		return err
	}
	key, ok := keys(s.KeyID)
	if !ok || s.Origin != origin {
		return notContradicting("statement %d is not one of this operator log", s.Sequence)
	}
	if err := s.Verify(key); err != nil {
		return err
	}
	if text := key.String(); !slices.Contains(finding.Keys, text) {
		finding.Keys = append(finding.Keys, text)
	}
	return nil
}

// answered reads the list from the answers that were kept.
func (f *statementsFacts) answered() (statementList, error) {
	if len(f.Pages) == 0 {
		return statementList{}, errors.New("there are no answers")
	}
	next := 0
	list, err := f.read(f.Pages[0].Path != withheld.File, func(path string) (exchange, error) {
		if next == len(f.Pages) || f.Pages[next].Path != path || f.Pages[next].Method != "GET" {
			return exchange{}, notContradicting("the answer to %s is missing", path)
		}
		next++
		return f.Pages[next-1], nil
	})
	if err == nil && next < len(f.Pages) {
		err = notContradicting("there are answers that were not asked for")
	}
	return list, err
}

// signers returns the key that the operator log begins with, and what of its keys rests on
// whoever recorded this.
func (f *statementsFacts) signers() (first protocol.PublicKey, rests string, err error) {
	var log protocol.OperatorLog
	for i, envelope := range f.Operator {
		stranger, err := extendOperator(&log, envelope)
		if err != nil {
			return first, "", err
		}
		if i == 0 && stranger {
			rests = alterable
		}
	}
	for id := range log.Permissions() {
		first, _ = log.PublicKey(id)
		return first, rests, nil
	}
	return first, "", errors.New("there are no records of the operator log")
}

// operator returns the registry's identity and the keys that may sign statements. That the
// records are valid is for signers to judge.
func (f *statementsFacts) operator() (origin protocol.Hash, keys withheld.Keys, err error) {
	var records []*protocol.OperatorRecord
	for i, raw := range f.Operator {
		envelope, err := protocol.UnmarshalEnvelopeProto(raw)
		if err != nil {
			return origin, nil, err
		}
		if i == 0 {
			origin = protocol.OperatorRecordID(envelope.Content)
		}
		record, err := protocol.DecodeOperatorRecord(envelope.Content)
		if err != nil {
			return origin, nil, err
		}
		records = append(records, record)
	}
	return origin, withheld.OperatorKeys(records...), nil
}
