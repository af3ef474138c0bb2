package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// maxStatements is how many statements of a registry are read at most.
const maxStatements = 100_000

// WithheldError says that the operator of a registry withholds the bytes of a content,
// which the signed list of what it withholds says too.
type WithheldError struct {
	Registry  string // its URL
	Statement withheld.Statement
}

func (e *WithheldError) Error() string {
	s := e.Statement
	text := fmt.Sprintf("content %s is withheld by the registry: %s", s.Digest, s.Reason)
	if s.Reference != "" {
		text += " (" + s.Reference + ")"
	}
	return text + fmt.Sprintf("; its operator has signed so on %s, which was verified", s.Time.Format(time.DateOnly))
}

// Withheld returns the operator's statements on content, verified by the keys of the
// operator log, which is verified as the documentation of the package says. A statement by a
// key that this log lacks is asked for again, for as long as [Options.MaxWait] says: the
// checkpoint may be behind. A registry that is not of this project has no such list: an
// [*APIError].
func (c *Client) Withheld(ctx context.Context) (*withheld.Chain, []withheld.Signed, *Operator, error) {
	var waited time.Duration
	for pause := firstPoll; ; pause = min(2*pause, lastPoll) {
		chain, all, operator, err := c.withheldOnce(ctx)
		var unknown *withheld.KeyError
		if waited += pause; !errors.As(err, &unknown) || waited > c.options.MaxWait {
			return chain, all, operator, err
		}
		if ended := sleep(ctx, pause); ended != nil {
			return nil, nil, nil, errors.Join(err, ended)
		}
	}
}

func (c *Client) withheldOnce(ctx context.Context) (*withheld.Chain, []withheld.Signed, *Operator, error) {
	records, operator, err := c.OperatorRecords(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(records) == 0 {
		return nil, nil, nil, c.unproven(ClaimOperatorLog, errors.New("it is empty"))
	}
	valid := make([]*protocol.OperatorRecord, len(records))
	for i, r := range records {
		valid[i] = r.Record
	}
	chain, all, err := withheld.Read(records[0].ID, withheld.OperatorKeys(valid...), maxStatements, func(path string) (page withheld.Page, err error) {
		err = c.get(ctx, path, &page, contentError)
		return page, err
	})
	var wrong *withheld.ListError
	if errors.As(err, &wrong) {
		err = c.unproven(ClaimWithheld, err)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	return chain, all, operator, nil
}

// WithheldNow returns the statements by which contents are withheld, by their digests,
// verified as by [Client.Withheld]. There are none in a registry without such a list, or
// with an empty one, which costs one request.
func (c *Client) WithheldNow(ctx context.Context) (map[protocol.Hash]withheld.Statement, error) {
	var first withheld.Page
	err := c.get(ctx, withheld.PagePath(0), &first, contentError)
	var refusal *APIError
	switch {
	case errors.As(err, &refusal) && hasNoList(refusal.Status), err == nil && first.Total == 0:
		return nil, nil
	case err != nil:
		return nil, err
	}
	chain, _, _, err := c.Withheld(ctx)
	if err != nil {
		return nil, err
	}
	all := map[protocol.Hash]withheld.Statement{}
	for _, s := range chain.InForce() {
		all[s.Digest] = s
	}
	return all, nil
}

// hasNoList tells that a status is that of a registry without a list of what is withheld.
func hasNoList(status int) bool {
	switch status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone, http.StatusNotImplemented:
		return true
	}
	return false
}

// PostStatement posts the operator's next statement on a content. It may be posted again.
// Errors: [*APIError], with status 409 if another statement came first.
func (c *Client) PostStatement(ctx context.Context, s withheld.Signed) error {
	return c.post(ctx, withheld.Path, s, new(withheld.Signed), contentError)
}

// whyWithheld makes a [*WithheldError] of an answer with status 451, if the operator has
// signed that the content is withheld. Without it is what it was.
func (c *Client) whyWithheld(ctx context.Context, digest protocol.Hash, err error) error {
	var refusal *APIError
	if !errors.As(err, &refusal) || refusal.Status != http.StatusUnavailableForLegalReasons {
		return err
	}
	chain, _, _, listErr := c.Withheld(ctx)
	if listErr != nil {
		return fmt.Errorf("%w (NOT verified: no signed statement of the operator says so: %w)", err, listErr)
	}
	s, ok := chain.Withheld(digest)
	if !ok {
		return fmt.Errorf("%w (NOT verified: no signed statement of the operator says so)", err)
	}
	return &WithheldError{Registry: c.URL(), Statement: s}
}
