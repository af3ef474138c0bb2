package audit

import (
	"context"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	logsPerRequest = 64   // packages in one v1/fetch/logs
	maxHeadProofs  = 1024 // heads whose inclusion is asked for in a round, of the packages that have changed
)

// compareAPI compares what the v1 API answers with what was audited, as of the last stop.
func (r *round) compareAPI(ctx context.Context) error {
	if !r.api {
		return nil
	}
	good := r.pos.Good
	if good.Length != r.pos.Records || good.Length == 0 || good.Entry != nil && r.logged == nil {
		r.unchecked("answers of the API", "there is no checkpoint with right roots at length %d", r.pos.Records)
		return nil
	}
	c, err := r.goodClaim(ctx, good)
	if err != nil {
		return err
	}
	head, err := c.read()
	if err != nil {
		return err
	}
	if err := r.askConsistency(ctx, c, head); err != nil {
		return err
	}
	if err := r.compareLogs(ctx, c, head); err != nil {
		return err
	}
	if err := r.askServed(ctx); err != nil {
		return err
	}
	r.seen.Compared = &good
	return nil
}

// askConsistency asks the API to prove what was audited last consistent with what is now.
func (r *round) askConsistency(ctx context.Context, c claim, head treeClaim) error {
	last := r.seen.Compared
	if last == nil || last.Length >= head.Size || last.Entry != nil && r.logged == nil {
		return nil
	}
	before, err := r.goodClaim(ctx, *last)
	if err != nil {
		return err
	}
	from, err := before.read()
	if err != nil {
		return err
	}
	request := api.ConsistencyRequest{From: from.Size, To: head.Size}
	e, err := ask(ctx, r.source, Request{Method: "POST", Path: api.ProveConsistencyPath, Body: request.AppendJSON(nil)}, maxJSON)
	if err != nil {
		return err
	}
	r.sayUnsupported(e)
	wrong := checkConsistency(e, from.checkpoint(), head.checkpoint())
	if wrong == nil || r.enough(wrong.name) {
		return nil
	}
	f := &consistencyFacts{From: before, To: c, Exchange: e}
	if f.Path, err = consistencyPath(ctx, r.log, from.Size, head.Size); err != nil {
		return err
	}
	return r.found(ctx, f)
}

// sayUnsupported says that something can not be checked that the API does not offer.
func (r *round) sayUnsupported(e exchange) {
	if e.unsupported() {
		r.unchecked("proofs", "%s answers with the status %d", e, e.Status)
	}
}

// changedLog is a log whose answers are to be compared.
type changedLog struct {
	id    protocol.Hash
	state packageState
	now   comparison
}

// compareLogs compares the logs that have changed.
func (r *round) compareLogs(ctx context.Context, c claim, head treeClaim) error {
	var after []byte
	proved := 0
	for {
		items, err := r.state.store.List(ctx, spaceDirty, after, logsPerRequest)
		if err != nil {
			return fmt.Errorf("list changed logs in the store: %w", err)
		}
		if len(items) == 0 {
			break
		}
		var logs []*changedLog
		for _, item := range items {
			after = item.Key
			l := &changedLog{}
			copy(l.id[:], item.Key)
			if l.state, err = r.packageState(ctx, l.id); err != nil {
				return err
			}
			l.now = l.state.begin()
			logs = append(logs, l)
		}
		if err := r.compareSome(ctx, c, head, logs); err != nil {
			return err
		}
		if err := r.compareNames(ctx, c, logs); err != nil {
			return err
		}
		if proved < maxHeadProofs {
			proved += len(logs)
			if err := r.askInclusion(ctx, c, head, logs); err != nil {
				return err
			}
		}
		if err := r.save(ctx); err != nil {
			return err
		}
	}
	return nil
}

// compareSome compares a few logs.
func (r *round) compareSome(ctx context.Context, c claim, head treeClaim, logs []*changedLog) error {
	byID := map[protocol.AnyHash]*changedLog{}
	for _, l := range logs {
		byID[l.id.Any()] = l
	}
	fine := true
	for more := true; more && fine; {
		e, answer, err := r.fetchLogs(ctx, head.Size, logs)
		if err != nil {
			return err
		}
		came := 0
		for id, records := range answeredLogs(answer) {
			l := byID[id]
			if l == nil {
				continue
			}
			for _, record := range records {
				came++
				l.now.Chain = nextInChain(l.now.Chain, record.RegistryIndex, record.Envelope.MarshalProto())
				l.now.Count, l.now.Last, l.now.Token = l.now.Count+1, record.RegistryIndex, record.FetchToken
			}
		}
		more = answer.More
		fine = e.has() && !(more && came == 0)
		for _, l := range logs {
			fine = fine && l.now.Count <= l.state.Count // or it gives the same again and again
		}
	}
	for _, l := range logs {
		if fine && l.now.Count == l.state.Count && l.now.Chain == l.state.Chain {
			l.state.Compared, l.state.Again = l.now, false
			if err := r.state.putJSON(spacePackage, l.id[:], l.state); err != nil {
				return err
			}
			r.state.put(spaceDirty, l.id[:], nil)
			continue
		}
		if _, err := r.step(ctx, r.diagnose(ctx, c, head, l)); err != nil {
			return err
		}
	}
	return nil
}

// fetchLogs asks for what follows in some logs.
func (r *round) fetchLogs(ctx context.Context, length uint64, logs []*changedLog) (e exchange, answer api.FetchLogsResponse, err error) {
	limit := uint16(1000)
	request := api.FetchLogsRequest{LogLength: length, Limit: &limit}
	token := func(l *changedLog) *string {
		if l.now.Token == "" {
			return nil
		}
		return &l.now.Token
	}
	operator := false
	for _, l := range logs {
		if l.id == protocol.OperatorLogID() {
			operator = true
			request.Operator = token(l)
			continue
		}
		request.Packages = append(request.Packages, api.HashEntry[*string]{Hash: l.id.Any(), Value: token(l)})
	}
	if !operator {
		state, err := r.packageState(ctx, protocol.OperatorLogID())
		if err != nil {
			return e, answer, err
		}
		request.Operator = token(&changedLog{now: state.Compared})
	}
	e, err = ask(ctx, r.source, Request{Method: "POST", Path: api.FetchLogsPath, Body: request.AppendJSON(nil)}, maxJSON)
	if err != nil || !e.has() {
		return e, answer, err
	}
	if err := answer.UnmarshalJSON(e.Answer); err != nil {
		return e, answer, fmt.Errorf("%s: %s: %w: %w", r.source, e, ErrNoAnswer, err)
	}
	return e, answer, nil
}

// proveAt proves a record to be in the log at the length of the last stop.
func (r *round) proveAt(ctx context.Context, at uint64, envelope []byte, name string) (provenRecord, error) {
	path, err := nodePath(ctx, r.log, 0, at, r.pos.Good.Length)
	return provenRecord{Index: at, Name: name, Envelope: envelope, Path: path}, err
}

// askInclusion asks for proofs of the heads of some logs.
func (r *round) askInclusion(ctx context.Context, c claim, head treeClaim, logs []*changedLog) error {
	request := api.InclusionRequest{LogLength: head.Size}
	var leaves []protocol.LogLeaf
	for _, l := range logs {
		if l.state.Head != nil {
			request.Leafs = append(request.Leafs, l.state.Last)
			leaves = append(leaves, protocol.LogLeaf{LogID: l.id, RecordID: *l.state.Head})
		}
	}
	e, err := ask(ctx, r.source, Request{Method: "POST", Path: api.ProveInclusionPath, Body: request.AppendJSON(nil)}, maxJSON)
	if err != nil {
		return err
	}
	r.sayUnsupported(e)
	wrong := checkInclusion(e, head.checkpoint(), request.Leafs, leaves)
	if wrong == nil || r.enough(wrong.name) {
		return nil
	}
	f := &inclusionFacts{Head: c, Exchange: e}
	var ids []protocol.Hash
	for i, leaf := range leaves {
		path, err := nodePath(ctx, r.log, 0, request.Leafs[i], head.Size)
		if err != nil {
			return err
		}
		f.Leaves = append(f.Leaves, provenLeaf{Index: request.Leafs[i], Leaf: api.AppendPackedRecord(nil, leaf), Path: path})
		ids = append(ids, leaf.LogID)
	}
	if f.Map, err = r.mapProof(ctx, ids...); err != nil {
		return err
	}
	return r.found(ctx, f)
}
