package mirror

import (
	"context"
	"fmt"

	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	// maxPlaces bounds the places of leaves that an upstream names, and maxPlace how many
	// leaves one may have.
	maxPlaces = 1 << 20
	maxPlace  = 1 << 18
	// moreLeaves is how many leaves more than it said a place may have: the log grows.
	moreLeaves = 1 << 14
)

// ledger is the records log of an upstream as its v1 API has it: leaves from the ledger,
// records from the package logs. It implements [publisher.MirrorSource].
type ledger struct {
	*upstream
	store  *store.DB
	size   uint64 // of the log, as of the checkpoint
	places []api.LedgerSource
	from   uint64 // index of the first of:
	packed []byte // leaves of the place that was read last
	tokens *tokens
}

// Leaves implements [publisher.MirrorSource].
func (l *ledger) Leaves(ctx context.Context, start uint64, count int) ([]follow.Leaf, error) {
	packed, err := l.read(ctx, start)
	if err != nil {
		return nil, err
	}
	leaves := make([]protocol.LogLeaf, 0, count)
	for at := 0; at < len(packed) && len(leaves) < count && start+uint64(len(leaves)) < l.size; at += api.PackedRecordSize {
		leaves = append(leaves, protocol.LogLeaf{
			LogID: protocol.Hash(packed[at:][:protocol.HashSize]), RecordID: protocol.Hash(packed[at+protocol.HashSize:][:protocol.HashSize]),
		})
	}
	w, err := l.window(ctx, start, leaves)
	if err != nil {
		return nil, err
	}
	extra, err := w.fill(ctx)
	if err != nil {
		return nil, err
	}
	filled := make([]follow.Leaf, len(leaves))
	for i, leaf := range leaves {
		filled[i] = follow.Leaf{Index: start + uint64(i), Value: leaf.Encode(), ExtraData: extra[i]}
	}
	return filled, nil
}

// Consistent implements [publisher.MirrorSource].
func (l *ledger) Consistent(ctx context.Context, from, to follow.Root) error {
	return l.consistent(ctx, from, to)
}

// read returns packed leaves from an index on, up to the end of a place at least.
func (l *ledger) read(ctx context.Context, at uint64) ([]byte, error) {
	if at >= l.from && at < l.from+uint64(len(l.packed)/api.PackedRecordSize) {
		return l.packed[(at-l.from)*api.PackedRecordSize:], nil
	}
	place, ok := l.place(at)
	if !ok {
		text, err := l.get(ctx, api.LedgerSourcesPath, maxAnswer)
		if err != nil {
			return nil, err
		}
		var answer api.LedgerSourcesResponse
		if err := answer.UnmarshalJSON(text); err != nil || len(answer.Sources) > maxPlaces {
			return nil, fmt.Errorf("GET %s: the answer does not say where the leaves are: %w", api.LedgerSourcesPath, err)
		}
		l.places = answer.Sources
		if place, ok = l.place(at); !ok {
			return nil, &publisher.UntrueError{Claim: "log", Err: fmt.Errorf("%s names no place of leaf %d, and the checkpoint has %d", api.LedgerSourcesPath, at, l.size)}
		}
	}
	text, err := l.get(ctx, place.URL, int64((place.Last-place.First+1+moreLeaves)*api.PackedRecordSize))
	if err != nil {
		return nil, err
	}
	if have := place.First + uint64(len(text)/api.PackedRecordSize); len(text)%api.PackedRecordSize != 0 || have <= at {
		return nil, &publisher.UntrueError{Claim: "log", Err: fmt.Errorf("%s has %d bytes, which do not give leaf %d", place.URL, len(text), at)}
	}
	l.from, l.packed = place.First, text
	return l.packed[(at-l.from)*api.PackedRecordSize:], nil
}

func (l *ledger) place(at uint64) (api.LedgerSource, bool) {
	for _, p := range l.places {
		if p.First <= at && at <= p.Last && p.Last-p.First < maxPlace {
			return p, true
		}
	}
	return api.LedgerSource{}, false
}

// window prepares asking for the records of some leaves.
func (l *ledger) window(ctx context.Context, start uint64, leaves []protocol.LogLeaf) (*window, error) {
	w := &window{ledger: l, start: start, leaves: leaves, logs: map[protocol.Hash]*wanted{}, extra: make([][]byte, len(leaves))}
	var ids []protocol.Hash
	for i, leaf := range leaves {
		of, ok := w.logs[leaf.LogID]
		if !ok {
			of = &wanted{id: leaf.LogID}
			w.logs[leaf.LogID] = of
			w.order = append(w.order, of)
			ids = append(ids, leaf.LogID)
		}
		of.indexes = append(of.indexes, start+uint64(i))
	}
	if _, ok := w.logs[protocol.OperatorLogID()]; !ok {
		ids = append(ids, protocol.OperatorLogID())
	}
	return w, w.known(ctx, ids)
}

// tokens are those with which an upstream goes on behind the last record of a log that was
// read: a bounded number of them. What is forgotten is the id of the record, as both known
// registries have it.
type tokens struct{ of map[protocol.Hash]string }

const maxTokens = 100_000

func (t *tokens) put(id protocol.Hash, token string) {
	if len(t.of) >= maxTokens {
		clear(t.of)
	}
	t.of[id] = token
}
