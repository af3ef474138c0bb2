package audit

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// servedAtOnce is how many requests for checkpoints are made side by side.
const servedAtOnce = 4

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
		if slices.ContainsFunc(part, func(s servedItem) bool { return s.answer.unsupported() }) {
			break // nor are there others
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
	if s.answer.unsupported() {
		r.sayUnsupported(s.answer)
		return nil // it is asked again
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
	wrong := checkInclusion(s.answer, c, []uint64{s.length - 1}, []protocol.LogLeaf{unpackLeaf(s.leaf)})
	if wrong == nil {
		return nil
	}
	name := CheckpointNeverServed
	if wrong.name == BundleIncomplete {
		name = BundleIncomplete
	}
	if r.enough(name) {
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
		return r.found(ctx, f)
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
	return r.found(ctx, f)
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
