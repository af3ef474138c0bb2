package audit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// statements are what the operator says of content that is withheld, in one round.
type statements struct {
	chain *withheld.Chain // nil: there are none that count
	asked bool            // it is known which there are, be it that there are none
}

// statementsSeen are the statements that were seen, so that a list that goes back, or is
// another, is noticed.
type statementsSeen struct {
	Length uint64        `json:"length"`
	Head   protocol.Hash `json:"head"`
	// Last is the newest; nil in what an earlier version has remembered.
	Last *withheld.Signed `json:"last,omitempty"`
}

// blocked tells that the registry says that its operator withholds the content (RFC 7725).
func (f *contentFacts) blocked() bool {
	if f.Sources.Status == http.StatusUnavailableForLegalReasons {
		return true
	}
	for _, a := range f.Answers {
		if a.Status == http.StatusUnavailableForLegalReasons {
			return true
		}
	}
	return false
}

// checkStatements reads the operator's list of withheld content, and judges it.
func (r *round) checkStatements(ctx context.Context) error {
	if r.pos.Operators == 0 || r.pos.OperatorBroken != nil { // nobody can have signed
		r.statements.asked = true
	}
	if r.pos.Operators == 0 {
		return nil
	}
	if r.pos.OperatorBroken != nil {
		r.unchecked("withheld", "the operator's list of withheld content: the operator log has an invalid record at index %d", *r.pos.OperatorBroken)
		return nil
	}
	f, err := r.newStatementsFacts(ctx)
	if err != nil {
		return err
	}
	list, err := f.ask(ctx, r.source, r.api)
	if err != nil {
		return err
	}
	r.statements = statements{list.chain, true}
	wrong, err := r.judgeStatements(ctx, f, list)
	if err != nil || wrong {
		return err
	}
	if n := len(list.all); n > 0 {
		r.seen.Statements = &statementsSeen{list.chain.Length(), list.chain.Head(), &list.all[n-1]}
	}
	return nil
}

// newStatementsFacts has the operator log as it was audited.
func (r *round) newStatementsFacts(ctx context.Context) (*statementsFacts, error) {
	operators, err := r.operatorRecords(ctx, r.pos.Operators)
	if err != nil {
		return nil, err
	}
	f := new(statementsFacts)
	for _, o := range operators {
		f.Operator = append(f.Operator, o.raw)
	}
	return f, nil
}

// judgeStatements compares a list with the one that was seen before. wrong tells that it
// does not count, or not to its end, and is not to be remembered.
func (r *round) judgeStatements(ctx context.Context, f *statementsFacts, list statementList) (wrong bool, err error) {
	seen := r.seen.Statements
	n := uint64(len(list.all))
	var unknown *withheld.KeyError
	switch {
	case seen != nil && seen.Length > 0 && n >= seen.Length && list.all[seen.Length-1].Hash() != seen.Head:
		return true, r.changedStatements(ctx, f, WithheldListForked, &list.all[seen.Length-1])
	case list.wrong == nil:
		if seen != nil && n < seen.Length {
			return true, r.changedStatements(ctx, f, WithheldListRewound, nil)
		}
		return false, nil
	case errors.As(list.wrong, &unknown) && (seen == nil || n >= seen.Length) && r.mayComeYet(list.wrong.Statement):
		r.unchecked("withheld", "the operator's list of withheld content from statement %d on: %v, as of record %d", unknown.Sequence, unknown, r.pos.Records)
		return true, nil
	case errors.Is(list.wrong, errUnreadable) && seen == nil: // another server's answer to a path that it has not
		r.unchecked("withheld", "the operator's list of withheld content: %v", list.wrong)
		return true, nil
	case r.enough(WithheldListInvalid):
		r.statements.chain = nil
		return true, nil
	}
	r.statements.chain = nil
	f.What = WithheldListInvalid
	return true, r.found(ctx, f)
}

// changedStatements reports a list that lacks, or has another of, the statements that were
// seen before.
func (r *round) changedStatements(ctx context.Context, f *statementsFacts, name Name, other *withheld.Signed) error {
	r.statements.chain = nil
	if r.enough(name) {
		return nil
	}
	f.What, f.Before, f.Other = name, r.seen.Statements.Last, other
	if f.Before == nil {
		r.unchecked("withheld", "the operator's list of withheld content does not count: it is not the one of %d statements that was seen before", r.seen.Statements.Length)
		return nil
	}
	if other != nil {
		f.Pages = nil // the statements are signed
	}
	return r.found(ctx, f)
}

// mayComeYet tells that the key of a statement may be one of the operator log that is not
// published yet, or not audited.
func (r *round) mayComeYet(s *withheld.Signed) bool {
	latest, err := claim{Checkpoint: r.seen.Latest}.signedCheckpoint()
	if r.seen.Latest == nil || err != nil {
		return true
	}
	return s.Time.Add(r.options.MaxUnlogged).After(time.Unix(int64(min(latest.Contents.Timestamp, 1<<40)), 0))
}

// compareStatements demands that another place has the list of withheld content that was
// seen here, or one that is behind it or ahead.
func (r *round) compareStatements(ctx context.Context, also Source) error {
	seen := r.seen.Statements
	if seen == nil || seen.Last == nil || r.pos.OperatorBroken != nil {
		return nil
	}
	f, err := r.newStatementsFacts(ctx)
	if err != nil {
		return err
	}
	var list statementList
	for _, api := range []bool{true, false} { // a registry, or else a copy as static files
		if list, err = f.ask(ctx, also, api); err != nil {
			r.unchecked("withheld", "the operator's list of withheld content at another place: %v", err)
			return nil
		}
		if len(list.all) > 0 {
			break
		}
	}
	if uint64(len(list.all)) < seen.Length || list.all[seen.Length-1].Hash() == seen.Head {
		return nil
	}
	return r.changedStatements(ctx, f, WithheldListForked, &list.all[seen.Length-1])
}

// withheldBy returns the statement by which the operator withholds a content, verified by
// the keys of the operator log. Without a list that holds there is none.
func (r *round) withheldBy(digest protocol.Hash) (s withheld.Statement, ok bool) {
	if r.statements.chain == nil {
		return s, false
	}
	return r.statements.chain.Withheld(digest)
}

// statementList is the operator's list as it was answered.
type statementList struct {
	chain *withheld.Chain
	all   []withheld.Signed   // those that hold
	wrong *withheld.ListError // why there are no more, if there should be
}

// ask asks for the list, and keeps the answers. Without an API it is the file that a copy of
// a registry has. An error says that it was not answered.
func (f *statementsFacts) ask(ctx context.Context, source Source, api bool) (statementList, error) {
	return f.read(api, func(path string) (exchange, error) {
		answer, err := get(ctx, source, path, maxJSON)
		switch {
		case err != nil:
			return answer, err
		case answer.Status == http.StatusTooManyRequests || answer.Status == http.StatusRequestTimeout:
			return answer, fmt.Errorf("%s: %s: %w: status %d", source, answer, ErrNoAnswer, answer.Status)
		}
		f.Pages = append(f.Pages, answer)
		return answer, nil
	})
}

// read reads the list from answers.
func (f *statementsFacts) read(api bool, get func(path string) (exchange, error)) (list statementList, err error) {
	origin, keys, err := f.operator()
	if err != nil {
		return list, err
	}
	if api {
		list.chain, list.all, err = withheld.Read(origin, keys, maxStatements, func(path string) (page withheld.Page, err error) {
			answer, err := get(path)
			if err == nil && answer.has() {
				err = malformed(page.UnmarshalJSON(answer.Answer))
			}
			return page, err // of one that has none, an empty one
		})
	} else {
		list.chain = withheld.NewChain(origin)
		answer, failed := get(withheld.File)
		if failed != nil || !answer.has() {
			return list, failed
		}
		if list.all, err = withheld.ParseFile(answer.Answer); err != nil {
			err = malformed(err)
		} else if list.chain, err = withheld.Verify(origin, keys, list.all); err != nil {
			list.all = list.all[:list.chain.Length()]
		}
	}
	if errors.As(err, &list.wrong) {
		err = nil
	}
	return list, err
}

// malformed makes the error of a list of one that says that an answer can not be read.
func malformed(err error) error {
	if err == nil {
		return nil
	}
	return &withheld.ListError{Err: fmt.Errorf("%w: %w", errUnreadable, err)}
}

var errUnreadable = errors.New("an answer can not be read")
