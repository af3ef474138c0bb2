package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// pageRecords is how many records of a log one answer may have: the most that
// registries allow.
const pageRecords = 1000

// fetchLogs reads the operator log and, unless pkg is nil, a package log on, as
// of the checkpoint with this length, and validates each record. That there are
// no more records, and that these are the registry's, is left to be proved.
func (c *Client) fetchLogs(ctx context.Context, length uint64, operator, pkg *logView) error {
	limit := uint16(pageRecords)
	for {
		request := api.FetchLogsRequest{LogLength: length, Limit: &limit, Operator: operator.cursor()}
		if pkg != nil {
			request.Packages = api.HashMap[*string]{{Hash: pkg.id.Any(), Value: pkg.cursor()}}
		}
		var answer api.FetchLogsResponse
		if err := c.post(ctx, api.FetchLogsPath, request, &answer, fetchError); err != nil {
			return c.explainToken(err, operator, pkg)
		}
		came := len(answer.Operator)
		if err := c.extend(operator, answer.Operator, length); err != nil {
			return err
		}
		for _, p := range answer.Packages {
			if pkg == nil || p.Hash != pkg.id.Any() {
				return c.unproven(ClaimPackageLog, fmt.Errorf("the answer has records of log %s, which was not asked for", p.Hash))
			}
			came += len(p.Value)
			if err := c.extend(pkg, p.Value, length); err != nil {
				return err
			}
		}
		switch {
		case !answer.More:
			return c.checkRead(operator, pkg)
		case came == 0:
			return c.unproven(ClaimPackageLog, errors.New("the registry says that there are more records, and gives none"))
		}
	}
}

// explainToken returns the error of a request for records. A registry that does not know
// the place of a record which it has given denies that record.
func (c *Client) explainToken(err error, views ...*logView) error {
	var refusal *api.FetchError
	if !errors.As(err, &refusal) || refusal.Variant != api.FetchTokenNotFound {
		return err
	}
	for _, v := range views {
		if v != nil && v.token != "" && v.token == refusal.FetchToken {
			return c.unproven(v.claim, fmt.Errorf("log %s had a record that the registry does not know any more: %w", v.id, err))
		}
	}
	return err
}

// cursor asks for what follows the head.
func (v *logView) cursor() *string {
	if v.token == "" {
		return nil
	}
	return &v.token
}

// extend validates the next records of a log.
func (c *Client) extend(v *logView, records []api.PublishedRecord, length uint64) error {
	for _, r := range records {
		if err := v.extend(r, length); err != nil {
			return c.unproven(v.claim, fmt.Errorf("log %s, record at index %d: %w", v.id, r.RegistryIndex, err))
		}
		if err := c.checkOperatorKey(v); err != nil {
			return err
		}
	}
	return nil
}

func (v *logView) extend(r api.PublishedRecord, length uint64) error {
	if _, ok := v.head(); ok && r.RegistryIndex <= v.index {
		return fmt.Errorf("it does not come after the record before it, which is at %d", v.index)
	}
	if r.RegistryIndex >= length {
		return fmt.Errorf("it is not in the log of the checkpoint, which has length %d", length)
	}
	if r.FetchToken == "" {
		return errors.New("it has no fetch token")
	}
	id, err := v.state.next(r.Envelope)
	if err != nil {
		return err
	}
	v.index, v.token, v.read[id] = r.RegistryIndex, r.FetchToken, r.RegistryIndex
	if v.visit != nil {
		v.visit(r.RegistryIndex, id, r.Envelope)
	}
	return nil
}

// checkOperatorKey demands the pinned key of an operator log that has begun.
func (c *Client) checkOperatorKey(v *logView) error {
	o, ok := v.state.(*operatorChain)
	want := c.options.OperatorKey
	if !ok || o.first.IsZero() || want.IsZero() || o.first.Equal(want) {
		return nil
	}
	return c.unproven(ClaimOperatorKey, fmt.Errorf("the operator log begins with key %s, not with the expected %s", o.first, want))
}

// errNoRecordYet says that a package that is not remembered has no record in the log of
// a checkpoint. Its first one may be in a later one.
var errNoRecordYet = errors.New("the package has no record in the log of the checkpoint")

// checkRead demands that both logs have records, and those that are remembered. A package
// log that is not remembered may have none: [errNoRecordYet].
func (c *Client) checkRead(views ...*logView) error {
	for _, v := range views {
		if v == nil {
			continue
		}
		if _, ok := v.head(); !ok {
			if !v.known && v.claim == ClaimPackageLog {
				return errNoRecordYet
			}
			return c.unproven(v.claim, fmt.Errorf("the registry gives no record of log %s", v.id))
		}
		if v.pass != nil {
			if _, ok := v.read[*v.pass]; !ok {
				return c.unproven(v.claim, fmt.Errorf("log %s lacks record %s, which it had", v.id, *v.pass))
			}
		}
	}
	return c.checkOperatorKey(views[0])
}

// leaf is the head of a log as it stands in the registry's log.
func (v *logView) leaf() protocol.LogLeaf {
	head, _ := v.head()
	return protocol.LogLeaf{LogID: v.id, RecordID: head}
}
