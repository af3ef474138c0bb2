package audit

import (
	"bytes"
	"context"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// diagnose asks for one log alone, and returns the *lie that its answers are.
func (r *round) diagnose(ctx context.Context, c claim, head treeClaim, l *changedLog) error {
	if r.enough(APILogDiffers) || r.enough(ReleaseDropped) {
		return nil
	}
	all, err := recordsOf(ctx, r.log, l.id, l.state.Last)
	if err != nil {
		return err
	}
	l.now = l.state.begin()
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
			case l.now.Token != "" && record.RegistryIndex <= l.now.Last:
				f.Disorder = true
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
