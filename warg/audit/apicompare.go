package audit

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	logsPerRequest = 64   // packages in one v1/fetch/logs
	maxHeadProofs  = 1024 // heads whose inclusion is asked for in a round, of the packages that have changed
	servedAtOnce   = 4    // requests side by side
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
	if err != nil || checkConsistency(e, from.checkpoint(), head.checkpoint()) == nil {
		return err
	}
	f := &consistencyFacts{From: before, To: c, Exchange: e}
	if f.Path, err = consistencyPath(ctx, r.log, from.Size, head.Size); err != nil {
		return err
	}
	return r.found(f)
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
			l.now = l.state.Compared
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
	}
	for _, l := range logs {
		if fine && l.now.Count == l.state.Count && l.now.Chain == l.state.Chain {
			l.state.Compared = l.now
			if err := r.state.putJSON(spacePackage, l.id[:], l.state); err != nil {
				return err
			}
			r.state.put(spaceDirty, l.id[:], nil)
			continue
		}
		if _, err := r.step(r.diagnose(ctx, c, head, l)); err != nil {
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

// diagnose asks for one log alone, and returns the *lie that its answers are.
func (r *round) diagnose(ctx context.Context, c claim, head treeClaim, l *changedLog) error {
	if r.enough(APILogDiffers) || r.enough(ReleaseDropped) {
		return nil
	}
	all, err := recordsOf(ctx, r.log, l.id, l.state.Last)
	if err != nil {
		return err
	}
	l.now = l.state.Compared
	if l.now.Count > uint64(len(all)) {
		return fmt.Errorf("the store has %d records of log %s as compared, and there are %d", l.now.Count, l.id, len(all))
	}
	want := all[l.now.Count:]
	for {
		f := &logsFacts{Head: c}
		if l.now.Token != "" {
			f.After = index(l.now.Last)
		}
		e, answer, err := r.fetchLogs(ctx, head.Size, []*changedLog{l})
		if err != nil {
			return err
		}
		f.Exchange = e
		records := answeredLogs(answer)[l.id.Any()]
		for _, record := range records {
			switch {
			case len(want) > 0 && record.RegistryIndex == want[0].Index && bytes.Equal(record.Envelope.MarshalProto(), want[0].Envelope):
				want = want[1:]
				l.now.Token, l.now.Last = record.FetchToken, record.RegistryIndex
				continue
			case record.RegistryIndex >= head.Size:
				f.Beyond = true
			case len(want) > 0 && record.RegistryIndex >= want[0].Index:
				f.Record = &want[0]
			default:
				if f.Leaf, err = r.leafAt(ctx, record.RegistryIndex, head.Size); err != nil {
					return err
				}
			}
			return &lie{f}
		}
		switch {
		case len(want) == 0 && !answer.More:
			return nil // it answers rightly now
		case len(want) > 0 && (!answer.More || !e.has()):
			f.Record = &want[0]
			return &lie{f}
		case len(records) == 0:
			return fmt.Errorf("%s: %s: %w: it says that there are more records, and gives none", r.source, e, ErrNoAnswer)
		}
	}
}

// leafAt proves a leaf at a length of the log.
func (r *round) leafAt(ctx context.Context, at, size uint64) (*provenLeaf, error) {
	l := &provenLeaf{Index: at}
	err := r.log.leaves(ctx, at, at+1, func(_ uint64, entry []byte) error {
		leaf, err := protocol.ParseLogLeaf(entry)
		l.Leaf = api.AppendPackedRecord(nil, leaf)
		return err
	})
	if err == nil {
		l.Path, err = nodePath(ctx, r.log, 0, at, size)
	}
	return l, err
}

// compareNames compares the names of packages.
func (r *round) compareNames(ctx context.Context, c claim, logs []*changedLog) error {
	var request api.FetchPackageNamesRequest
	for _, l := range logs {
		if l.state.Name != "" {
			request.Packages = append(request.Packages, l.id.Any())
		}
	}
	if len(request.Packages) == 0 {
		return nil
	}
	e, err := ask(ctx, r.source, Request{Method: "POST", Path: api.FetchPackageNamesPath, Body: request.AppendJSON(nil)}, maxJSON)
	if err != nil {
		return err
	}
	var answer api.FetchPackageNamesResponse
	if !e.has() || answer.UnmarshalJSON(e.Answer) != nil {
		r.unchecked("names of packages", "%s answers with the status %d", e, e.Status)
		return nil
	}
	for _, l := range logs {
		for _, p := range answer.Packages {
			if p.Hash != l.id.Any() || p.Value == nil || p.Value.String() == l.state.Name || r.enough(APINameDiffers) {
				continue
			}
			named, err := r.log.envelope(ctx, l.state.Last)
			if err != nil {
				return err
			}
			record, err := r.proveAt(ctx, l.state.Last, named.Envelope, l.state.Name)
			if err != nil {
				return err
			}
			if err := r.found(&namesFacts{Head: c, Record: record, Exchange: e}); err != nil {
				return err
			}
		}
	}
	return nil
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
	if err != nil || checkInclusion(e, head.checkpoint(), request.Leafs, leaves) == nil {
		return err
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
	return r.found(f)
}

// servedItem is a checkpoint of the checkpoints log for which the API is asked.
type servedItem struct {
	entry  uint64
	length uint64
	leaf   []byte // the last one of it, packed
	answer exchange
	err    error
}

// askServed asks the API for proofs at each checkpoint that came into the checkpoints
// log: it must know them. From the newest to the oldest, because a registry may forget
// old ones.
func (r *round) askServed(ctx context.Context) error {
	if r.logged == nil {
		return nil
	}
	var items []servedItem
	var after []byte
	for {
		some, err := r.state.store.List(ctx, spaceServed, after, 1000)
		if err != nil {
			return fmt.Errorf("list checkpoints in the store: %w", err)
		}
		if len(some) == 0 {
			break
		}
		for _, s := range some {
			after = s.Key
			if len(s.Key) == 8 && len(s.Value) == 8+api.PackedRecordSize {
				items = append(items, servedItem{entry: binary.BigEndian.Uint64(s.Key), length: binary.BigEndian.Uint64(s.Value), leaf: s.Value[8:]})
			}
		}
	}
	for end := len(items); end > 0; end = max(end-256, 0) {
		part := items[max(end-256, 0):end]
		r.askCheckpoints(ctx, part)
		for i := len(part) - 1; i >= 0; i-- {
			if err := r.judgeServed(ctx, part[i]); err != nil {
				return err
			}
		}
		r.options.Progress(Progress{Doing: "checkpoints", Done: uint64(len(items) - max(end-256, 0)), Of: uint64(len(items))})
	}
	return r.judgeDenied(ctx)
}

// askCheckpoints makes the requests for some checkpoints, a few side by side.
func (r *round) askCheckpoints(ctx context.Context, items []servedItem) {
	slots := make(chan struct{}, servedAtOnce)
	for i := len(items) - 1; i >= 0; i-- {
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			request := api.InclusionRequest{LogLength: items[i].length, Leafs: []uint64{items[i].length - 1}}
			items[i].answer, items[i].err = ask(ctx, r.source, Request{Method: "POST", Path: api.ProveInclusionPath, Body: request.AppendJSON(nil)}, maxJSON)
		}()
	}
	for range servedAtOnce {
		slots <- struct{}{}
	}
}

// judgeServed judges the answer for a checkpoint. Those that are denied wait until it is
// known how far back the registry goes.
func (r *round) judgeServed(ctx context.Context, s servedItem) error {
	if s.err != nil {
		return s.err
	}
	r.state.put(spaceServed, numberKey(s.entry), nil)
	if s.answer.denies() {
		r.denied = append(r.denied, s)
		return nil
	}
	if r.seen.LowestServed == nil || s.length < *r.seen.LowestServed {
		r.seen.LowestServed = index(s.length)
	}
	c, ok, err := r.roots(ctx, s.length)
	if err != nil || !ok {
		return err
	}
	if checkInclusion(s.answer, c, []uint64{s.length - 1}, []protocol.LogLeaf{unpackLeaf(s.leaf)}) == nil {
		return nil
	}
	if r.enough(CheckpointNeverServed) || r.enough(BundleIncomplete) {
		return nil
	}
	return r.reportServed(ctx, s)
}

func (r *round) reportServed(ctx context.Context, s servedItem) error {
	l, err := r.loggedClaim(ctx, s.entry)
	if err != nil {
		return err
	}
	f := &unservedFacts{Logged: l, Exchange: s.answer, Leaf: provenLeaf{Index: s.length - 1, Leaf: s.leaf}}
	if s.answer.denies() {
		return r.found(f)
	}
	if f.Leaf.Path, err = nodePath(ctx, r.log, 0, s.length-1, s.length); err != nil {
		return err
	}
	// The map at that length is not at hand; it is read anew.
	m, _, _, err := r.readMap(ctx, s.length, s.length)
	if err != nil {
		return err
	}
	if f.Map, err = m.bundle(ctx, unpackLeaf(s.leaf).LogID); err != nil {
		return err
	}
	return r.found(f)
}

// judgeDenied reports the checkpoints that the API denies, unless it has forgotten all
// that are as old.
func (r *round) judgeDenied(ctx context.Context) error {
	for _, s := range r.denied {
		forgotten := r.seen.LowestServed != nil && s.length < *r.seen.LowestServed
		if forgotten {
			r.unchecked("old checkpoints", "the API does not know checkpoints below length %d any more", *r.seen.LowestServed)
			continue
		}
		if r.enough(CheckpointNeverServed) {
			continue
		}
		if err := r.reportServed(ctx, s); err != nil {
			return err
		}
	}
	r.denied = nil
	return nil
}
