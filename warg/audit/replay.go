package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// maxPacked bounds the leaves that are kept for evidence, in bytes. If there are more
// between two stops they are read again.
const maxPacked = 8 << 20

// maxPending is how many bytes of changes are kept before they are committed.
const maxPending = 32 << 20

// replay takes the records up to the target into what is known, and stops at each
// checkpoint on the way.
func (r *round) replay(ctx context.Context) error {
	if err := r.findStop(ctx); err != nil {
		return err
	}
	if r.pos.Records >= r.target {
		return nil
	}
	return r.log.batches(ctx, r.pos.Records, r.target, func(b batch) error {
		prepared := r.prepare(ctx, b)
		for i := range prepared {
			if err := r.takeRecord(ctx, b, &prepared[i]); err != nil {
				return err
			}
			for r.pos.Records == r.nextStop {
				if err := r.stopHere(ctx); err != nil {
					return err
				}
			}
		}
		r.options.Progress(Progress{Doing: "records", Done: r.pos.Records, Of: r.target})
		if r.uncommitted < r.options.CommitEvery && r.state.bytesPending < maxPending {
			return nil
		}
		if err := r.reportUndefined(ctx, nil); err != nil {
			return err
		}
		return r.save(ctx)
	})
}

// takeRecord takes the next record. An error leaves it, and all behind it, for later.
func (r *round) takeRecord(ctx context.Context, b batch, p *prepared) error {
	index := r.pos.Records
	if p.badEntry {
		if err := r.malformedEntry(ctx, index, p.entry); err != nil {
			return err
		}
		return r.append(index, p, nil)
	}
	if p.unfit {
		return b.unfit(ctx, index)
	}
	state, err := r.packageState(ctx, p.leaf.LogID)
	if err != nil {
		return err
	}
	before := state.Head
	if p.named.Name == "" {
		err = r.takeOperator(ctx, index, p, &state)
	} else {
		err = r.takePackage(ctx, index, p, &state)
	}
	if err != nil {
		return err
	}
	if state.Count == state.Compared.Count { // those with more are marked already
		r.state.put(spaceDirty, p.leaf.LogID[:], []byte{1})
	}
	head := p.leaf.RecordID
	state.Name, state.Head, state.Last = p.named.Name, &head, index
	state.Count++
	state.Chain = nextInChain(state.Chain, index, p.named.Envelope)
	if b.tokens != nil {
		state.Compared = comparison{Count: state.Count, Last: index, Token: b.tokens[index-b.first], Chain: state.Chain}
	}
	if err := r.state.putJSON(spacePackage, p.leaf.LogID[:], state); err != nil {
		return err
	}
	return r.append(index, p, before)
}

// append takes a leaf into the log, and as head of its own log.
func (r *round) append(index uint64, p *prepared, before *protocol.Hash) error {
	hash := leafHash(p.entry)
	if err := r.records.Append(hash[:], nil); err != nil {
		return err
	}
	r.pos.Records = index + 1
	r.uncommitted++
	if !p.badEntry {
		r.heads[p.leaf.LogID] = p.leaf.RecordID
	}
	if p.badEntry || len(r.packed) > maxPacked {
		r.lost, r.packed = true, nil
		clear(r.previous)
	}
	if r.lost {
		return nil
	}
	if _, ok := r.previous[p.leaf.LogID]; !ok {
		r.previous[p.leaf.LogID] = before
	}
	r.packed = api.AppendPackedRecord(r.packed, p.leaf)
	return nil
}

func (r *round) malformedEntry(ctx context.Context, index uint64, entry []byte) error {
	if r.enough(InvalidRecord) {
		return nil
	}
	c, head := r.log.stated()
	path, err := nodePath(ctx, r.log, 0, index, head.Size)
	if err != nil {
		return err
	}
	return r.found(ctx, &recordFacts{Head: c, Entry: entry, Index: index, Path: path})
}

// takeOperator validates an operator record.
func (r *round) takeOperator(ctx context.Context, index uint64, p *prepared, state *packageState) error {
	r.state.put(spaceOperator, numberKey(r.pos.Operators), append(numberKey(index), p.named.Envelope...))
	r.pos.Operators++
	if r.pos.OperatorBroken != nil {
		return nil
	}
	v := operatorVerdict(&r.operator, p.envelope)
	if v.rule != "" {
		r.pos.OperatorBroken = &index
		state.Broken = &index
	}
	if v.fine() {
		return nil
	}
	return r.invalidRecord(ctx, index, p)
}

// checkOperatorKey demands that the operator log begins with the pinned key.
func (r *round) checkOperatorKey(ctx context.Context) error {
	pinned := r.options.OperatorKey
	if pinned.IsZero() || r.pos.Operators == 0 {
		return nil
	}
	operators, err := r.operatorRecords(ctx, 1)
	if err != nil {
		return err
	}
	c, _ := r.log.stated()
	f := &operatorKeyFacts{Head: c, Pinned: pinned.String()}
	if f.Record, err = prove(ctx, r.log, operators[0].index, tlog.NamedEnvelope{Envelope: operators[0].raw}); err != nil {
		return err
	}
	if _, err := f.judge(); err != nil {
		return nil // it begins with that key
	}
	return r.found(ctx, f)
}

// takePackage validates a package record, and that its namespace is defined.
func (r *round) takePackage(ctx context.Context, index uint64, p *prepared, state *packageState) error {
	if state.Count == 0 {
		if err := r.checkNamespace(ctx, index, p); err != nil {
			return err
		}
	}
	if state.Broken != nil {
		return nil
	}
	if p.record == nil {
		state.Broken = &index
		return r.invalidRecord(ctx, index, p)
	}
	var log protocol.PackageLog
	if state.State != nil {
		if err := log.UnmarshalState(state.State); err != nil {
			return fmt.Errorf("package %s in the store: %w", p.named.Name, err)
		}
	}
	entries := p.record.Record.Entries
	if err := r.loadReleases(ctx, &log, p.leaf.LogID, entries); err != nil {
		return err
	}
	if v := packageVerdict(&log, p.record); !v.fine() {
		state.Broken = &index
		return r.invalidRecord(ctx, index, p)
	}
	var err error
	if state.State, err = log.MarshalState(); err != nil {
		return err
	}
	return r.keepReleases(&log, index, p.leaf.LogID, entries)
}

// loadReleases puts those releases into the log that entries name.
func (r *round) loadReleases(ctx context.Context, log *protocol.PackageLog, logID protocol.Hash, entries []protocol.PackageEntry) error {
	for _, e := range entries {
		if e.Type != protocol.EntryRelease && e.Type != protocol.EntryYank {
			continue
		}
		if _, ok := log.Release(e.Version); ok {
			continue
		}
		var release protocol.Release
		ok, err := r.state.getJSON(ctx, spaceRelease, releaseKey(logID, e.Version), &release)
		if err != nil {
			return err
		}
		if ok {
			log.SetRelease(release)
		}
	}
	return nil
}

// keepReleases stores the releases that entries have made or yanked, and that their
// contents are to be asked for.
func (r *round) keepReleases(log *protocol.PackageLog, index uint64, logID protocol.Hash, entries []protocol.PackageEntry) error {
	for _, e := range entries {
		if e.Type != protocol.EntryRelease && e.Type != protocol.EntryYank {
			continue
		}
		release, _ := log.Release(e.Version)
		if err := r.state.putJSON(spaceRelease, releaseKey(logID, e.Version), release); err != nil {
			return err
		}
		digest, err := e.Content.Hash()
		if e.Type != protocol.EntryRelease {
			continue
		}
		if err != nil {
			r.unchecked("content", "record %d releases version %s with a digest that is not known here: %.100q", index, e.Version, string(e.Content))
			continue
		}
		r.state.put(spaceContent, contentKey(digest, logID, e.Version), numberKey(index))
		r.state.put(spaceContents, contentKey(digest, logID, e.Version), numberKey(index))
	}
	return nil
}

// checkNamespace demands that the first record of a package is in a namespace of the
// registry. The finding waits for the next stop, whose map proves what it says.
func (r *round) checkNamespace(ctx context.Context, index uint64, p *prepared) error {
	name, err := protocol.ParsePackageName(p.named.Name)
	if err != nil {
		return err
	}
	n, ok := r.operator.Namespace(name.Namespace())
	if ok && !n.Imported || r.pos.OperatorBroken != nil || r.enough(NamespaceUndefined) {
		return nil
	}
	named := p.named
	r.undefined = append(r.undefined, func(ctx context.Context, at *stop) (facts, error) {
		c, _ := r.log.stated()
		f := &namespaceFacts{Head: c}
		var err error
		if f.Package, err = prove(ctx, r.log, index, named); err != nil {
			return nil, err
		}
		operators, err := r.operatorRecords(ctx, r.pos.Operators)
		if err != nil {
			return nil, err
		}
		for _, o := range operators {
			record, err := prove(ctx, r.log, o.index, tlog.NamedEnvelope{Envelope: o.raw})
			if err != nil {
				return nil, err
			}
			f.Operator = append(f.Operator, record)
		}
		if at != nil {
			f.Checkpoint = &at.claim
			f.Proof, err = r.mapProof(ctx, protocol.OperatorLogID())
		}
		return f, err
	})
	return nil
}

// reportUndefined makes the findings that wait for a stop; at is nil if none comes.
func (r *round) reportUndefined(ctx context.Context, at *stop) error {
	for _, build := range r.undefined {
		f, err := build(ctx, at)
		if err != nil {
			return err
		}
		if err := r.found(ctx, f); err != nil {
			return err
		}
	}
	r.undefined = nil
	return nil
}

// invalidRecord reports a record with those of its log before it.
func (r *round) invalidRecord(ctx context.Context, index uint64, p *prepared) error {
	if r.enough(InvalidRecord) {
		return nil
	}
	c, _ := r.log.stated()
	records, err := recordsOf(ctx, r.log, p.leaf.LogID, index)
	if err != nil {
		return err
	}
	f := &recordFacts{Head: c, Records: records}
	err = r.found(ctx, f)
	if errors.Is(err, ErrNoAnswer) && len(records) > 0 {
		return fmt.Errorf("the record at index %d of %q breaks a rule: %w", index, p.named.Name, err)
	}
	return err
}
