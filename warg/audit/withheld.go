package audit

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// maxStatements is how many statements on content are read at most.
const maxStatements = 100_000

// statements are what the operator says of content that is withheld.
type statements struct{ chain *withheld.Chain } // nil: they can not be read, or do not hold

// statementsSeen are the statements that were seen, so that a list that goes back is noticed.
type statementsSeen struct {
	Length uint64        `json:"length"`
	Head   protocol.Hash `json:"head"`
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

// withheldBy returns the statement by which the operator withholds a content, verified by
// the keys of the operator log. Without a list that holds there is none.
func (r *round) withheldBy(ctx context.Context, digest protocol.Hash) (s withheld.Statement, ok bool) {
	if r.statements == nil {
		r.statements = new(statements)
		chain, err := r.readStatements(ctx)
		if err != nil {
			r.unchecked("withheld", "the operator's list of withheld content does not count: %v", err)
		} else {
			r.statements.chain = chain
			r.seen.Statements = &statementsSeen{chain.Length(), chain.Head()}
		}
	}
	if r.statements.chain == nil {
		return s, false
	}
	return r.statements.chain.Withheld(digest)
}

func (r *round) readStatements(ctx context.Context) (*withheld.Chain, error) {
	first, err := r.log.envelope(ctx, 0)
	if err != nil {
		return nil, err
	}
	envelope, err := protocol.UnmarshalEnvelopeProto(first.Envelope)
	if err != nil {
		return nil, err
	}
	keys := withheld.OperatorKeys(r.operator.Permissions(), r.operator.PublicKey)
	chain, all, err := withheld.Read(protocol.OperatorRecordID(envelope.Content), keys, maxStatements, func(path string) (page withheld.Page, err error) {
		answer, err := get(ctx, r.source, path, maxJSON)
		if err == nil && !answer.has() {
			err = fmt.Errorf("%s: status %d", path, answer.Status)
		}
		if err == nil {
			err = page.UnmarshalJSON(answer.Answer)
		}
		return page, err
	})
	if err != nil {
		return nil, err
	}
	seen := r.seen.Statements
	switch {
	case seen == nil || seen.Length == 0:
	case uint64(len(all)) < seen.Length:
		return nil, fmt.Errorf("it has %d statements, and had %d before", len(all), seen.Length)
	case all[seen.Length-1].Hash() != seen.Head:
		return nil, errors.New("it has other statements than before")
	}
	return chain, nil
}
