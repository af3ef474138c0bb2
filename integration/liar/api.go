package liar

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"

	"github.com/warg-trillian/warg-trillian/personality/index"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// API answers the fetch and proof requests of the v1 API from a copy, with proofs that
// hold: only what the copy says is a lie.
type API struct {
	*Copy
	// Map are the records whose heads the map has; nil: those of the copy.
	Map []Record
	// Shown says which records are given to who asks for logs; nil: all.
	Shown func(Record) bool
	// Index says at which index a record is said to be; nil: at its own.
	Index func(at int) uint64

	tree  *testonly.Tree
	tiles tileMap
	root  protocol.Hash
	size  uint64 // of what the map has
}

// PublishAPI has a liar answer from a copy, and serve its files and latest checkpoint.
func (a *API) PublishAPI(l *Liar) error {
	if a.Map == nil {
		a.Map = a.Records
	}
	a.tree = testonly.New(rfc6962.DefaultHasher)
	for _, r := range a.Records {
		a.tree.AppendData(r.Leaf.Encode())
	}
	var changes []index.Change
	for _, r := range a.Map {
		changes = append(changes, index.Change{LogID: r.Leaf.LogID, RecordID: r.Leaf.RecordID})
	}
	a.size, a.tiles = uint64(len(a.Map)), tileMap{}
	root, tiles, err := index.NewTree(nil).Update(context.Background(), a.tiles, index.Snapshot{}, changes)
	if err != nil {
		return err
	}
	a.root = root
	for _, tile := range tiles {
		a.tiles[string(tile.ID)] = tile.Data
	}
	l.Change(a.answer)
	return a.Publish(l)
}

// tileMap has the tiles of the one revision that there is.
type tileMap map[string][]byte

func (m tileMap) Tiles(_ context.Context, ids [][]byte, _ uint64) (map[string][]byte, error) {
	found := map[string][]byte{}
	for _, id := range ids {
		if data, ok := m[string(id)]; ok {
			found[string(id)] = data
		}
	}
	return found, nil
}

func (a *API) answer(to *Answer) {
	answers := map[string]func([]byte) ([]byte, error){
		"/" + api.FetchLogsPath: a.fetchLogs, "/" + api.ProveInclusionPath: a.proveInclusion, "/" + api.ProveConsistencyPath: a.proveConsistency,
	}
	answer, ok := answers[to.Path]
	if !ok {
		return
	}
	body, err := answer(to.Request)
	to.Status, to.Body = http.StatusOK, body
	var refusal api.Error
	if errors.As(err, &refusal) {
		to.Status, to.Body = refusal.Status(), refusal.AppendJSON(nil)
	} else if err != nil {
		to.Status, to.Body = http.StatusBadRequest, fmt.Appendf(nil, `{"status":400,"message":%q}`, err)
	}
}

// page is the records of a log behind one, up to a hundred.
func (a *API) page(id protocol.Hash, length uint64, token *string) (page []api.PublishedRecord, more bool, err error) {
	behind := token == nil
	for i, r := range a.Records[:length] {
		if r.Leaf.LogID != id || a.Shown != nil && !a.Shown(r) {
			continue
		}
		if !behind {
			behind = r.Leaf.RecordID.String() == *token
			continue
		}
		if len(page) == 100 {
			return page, true, nil
		}
		envelope, err := protocol.UnmarshalEnvelopeProto(r.Envelope)
		if err != nil {
			return nil, false, err
		}
		at := uint64(i)
		if a.Index != nil {
			at = a.Index(i)
		}
		page = append(page, api.PublishedRecord{Envelope: envelope, RegistryIndex: at, FetchToken: r.Leaf.RecordID.String()})
	}
	return page, false, nil
}

func (a *API) fetchLogs(body []byte) ([]byte, error) {
	var q api.FetchLogsRequest
	if err := q.UnmarshalJSON(body); err != nil {
		return nil, err
	}
	if q.LogLength > uint64(len(a.Records)) {
		return nil, &api.FetchError{Variant: api.FetchCheckpointNotFound, LogLength: q.LogLength}
	}
	var answer api.FetchLogsResponse
	var err error
	if answer.Operator, answer.More, err = a.page(protocol.OperatorLogID(), q.LogLength, q.Operator); err != nil {
		return nil, err
	}
	for _, p := range q.Packages {
		id, err := p.Hash.Hash()
		if err != nil {
			return nil, err
		}
		records, more, err := a.page(id, q.LogLength, p.Value)
		if err != nil {
			return nil, err
		}
		if p.Value == nil && len(records) == 0 {
			return nil, &api.FetchError{Variant: api.FetchLogNotFound, LogID: p.Hash}
		}
		answer.More = answer.More || more
		answer.Packages = append(answer.Packages, api.HashEntry[[]api.PublishedRecord]{Hash: p.Hash, Value: records})
	}
	return answer.AppendJSON(nil), nil
}

// path is the leaf's audit path at a length.
func (a *API) path(at, length uint64) (proof.LeafPath, error) {
	if at >= length || length > a.tree.Size() {
		return proof.LeafPath{}, fmt.Errorf("leaf %d is not in a log of %d", at, length)
	}
	path, err := a.tree.InclusionProof(at, length)
	return proof.LeafPath{Index: at, LeafHash: protocol.Hash(a.tree.LeafHash(at)), Path: path}, err
}

func (a *API) balanced(length uint64) ([]protocol.Hash, error) {
	last, err := a.path(length-1, length)
	if err != nil {
		return nil, err
	}
	return proof.BalancedRoots(length, last)
}

func (a *API) proveInclusion(body []byte) ([]byte, error) {
	var q api.InclusionRequest
	if err := q.UnmarshalJSON(body); err != nil {
		return nil, err
	}
	var paths []proof.LeafPath
	var heads []proof.MapLeaf
	for _, at := range q.Leafs {
		path, err := a.path(at, q.LogLength)
		if err != nil {
			return nil, err
		}
		paths = append(paths, path)
		heads = append(heads, proof.MapLeaf{LogID: a.Records[at].Leaf.LogID, RecordID: a.Records[at].Leaf.RecordID})
	}
	roots, err := a.balanced(q.LogLength)
	if err != nil {
		return nil, err
	}
	inLog, err := proof.InclusionBundle(q.LogLength, roots, paths)
	if err != nil {
		return nil, err
	}
	inMap, err := index.NewTree(nil).Prove(context.Background(), a.tiles, index.Snapshot{Revision: a.size, Root: a.root}, heads)
	var mismatch *proof.RootMismatchError
	if err != nil && !errors.As(err, &mismatch) { // a proof of another head is what liars give
		return nil, err
	}
	return api.InclusionResponse{Log: inLog.Encode(), Map: inMap.Encode()}.AppendJSON(nil), nil
}

func (a *API) proveConsistency(body []byte) ([]byte, error) {
	var q api.ConsistencyRequest
	if err := q.UnmarshalJSON(body); err != nil {
		return nil, err
	}
	last, err := a.path(q.From-1, q.To)
	if err != nil {
		return nil, err
	}
	roots, err := a.balanced(q.To)
	if err != nil {
		return nil, err
	}
	bundle, err := proof.ConsistencyBundle(q.From, q.To, roots, last)
	if err != nil {
		return nil, err
	}
	return api.ConsistencyResponse{Proof: bundle.Encode()}.AppendJSON(nil), nil
}
