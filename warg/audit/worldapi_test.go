package audit

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// answerAPI is the v1 API of the world.
func (w *world) answerAPI(r Request) (int, []byte) {
	switch r.Path {
	case api.FetchCheckpointPath:
		text, err := w.signed.MarshalJSON()
		must(w.t, err)
		return 200, text
	case api.FetchLogsPath:
		return w.fetchLogs(r.Body)
	case api.FetchPackageNamesPath:
		return w.fetchNames(r.Body)
	case api.ProveInclusionPath:
		return w.proveInclusion(r.Body)
	case api.ProveConsistencyPath:
		return w.proveConsistency(r.Body)
	case api.LedgerSourcesPath:
		var answer api.LedgerSourcesResponse
		n := w.signed.Contents.LogLength
		for at := uint64(0); at < n; at += 7 {
			answer.Sources = append(answer.Sources, api.LedgerSource{First: at, Last: min(at+7, n) - 1, URL: api.LedgerRecordsPath(at)})
		}
		return 200, answer.AppendJSON(nil)
	}
	if text, ok := strings.CutPrefix(r.Path, "v1/ledger/records/"); ok {
		at, err := strconv.Atoi(text)
		must(w.t, err)
		var packed []byte
		for _, record := range w.records[at:min(at+7, len(w.records))] {
			packed = api.AppendPackedRecord(packed, record.leaf)
		}
		return 200, packed
	}
	if text, ok := strings.CutPrefix(r.Path, withheld.Path+"?from="); ok {
		at, err := strconv.Atoi(text)
		must(w.t, err)
		page := withheld.Page{Origin: w.records[0].leaf.RecordID, Total: uint64(len(w.statements))}
		page.Statements = w.statements[min(at, len(w.statements)):min(at+2, len(w.statements))] // so that there are pages
		return 200, page.AppendJSON(nil)
	}
	if text, ok := strings.CutPrefix(r.Path, "v1/content/"); ok {
		digest, err := protocol.ParseHash(text)
		if err != nil || w.contents[digest] == nil {
			return 404, []byte(`{"status":404,"message":"not found"}`)
		}
		answer := api.ContentSourcesResponse{ContentSources: api.HashMap[[]api.ContentSource]{{Hash: digest.Any(), Value: []api.ContentSource{{URL: "content/" + text}}}}}
		return 200, answer.AppendJSON(nil)
	}
	if text, ok := strings.CutPrefix(r.Path, "content/"); ok {
		digest, err := protocol.ParseHash(text)
		if err == nil && w.contents[digest] != nil {
			return 200, w.contents[digest]
		}
	}
	return 404, []byte(`{"status":404,"message":"not found"}`)
}

func (w *world) at(length uint64) *worldCheckpoint {
	for i := range w.checkpoints {
		if w.checkpoints[i].LogLength == length {
			return &w.checkpoints[i]
		}
	}
	for i := range w.unlogged {
		if w.unlogged[i].LogLength == length {
			return &w.unlogged[i]
		}
	}
	return nil
}

func (w *world) fetchLogs(body []byte) (int, []byte) {
	var q api.FetchLogsRequest
	must(w.t, q.UnmarshalJSON(body))
	if w.at(q.LogLength) == nil && q.LogLength != w.signed.Contents.LogLength {
		return 404, (&api.FetchError{Variant: api.FetchCheckpointNotFound, LogLength: q.LogLength}).AppendJSON(nil)
	}
	limit := 100
	if q.Limit != nil {
		limit = int(*q.Limit)
	}
	limit = min(limit, 4) // so that there are pages
	var answer api.FetchLogsResponse
	page := func(id protocol.Hash, token *string) (page []api.PublishedRecord) {
		behind := token == nil
		for i, r := range w.records[:q.LogLength] {
			if r.leaf.LogID != id {
				continue
			}
			if behind {
				envelope, err := protocol.UnmarshalEnvelopeProto(r.named.Envelope)
				must(w.t, err)
				if len(page) == limit {
					answer.More = true
					return page
				}
				page = append(page, api.PublishedRecord{Envelope: envelope, RegistryIndex: uint64(i), FetchToken: r.leaf.RecordID.String()})
			}
			behind = behind || r.leaf.RecordID.String() == *token
		}
		return page
	}
	answer.Operator = page(protocol.OperatorLogID(), q.Operator)
	for _, p := range q.Packages {
		id, err := p.Hash.Hash()
		must(w.t, err)
		if _, ok := w.heads[id]; !ok {
			return 404, (&api.FetchError{Variant: api.FetchLogNotFound, LogID: p.Hash}).AppendJSON(nil)
		}
		answer.Packages = append(answer.Packages, api.HashEntry[[]api.PublishedRecord]{Hash: p.Hash, Value: page(id, p.Value)})
	}
	return 200, answer.AppendJSON(nil)
}

func (w *world) fetchNames(body []byte) (int, []byte) {
	var q api.FetchPackageNamesRequest
	must(w.t, q.UnmarshalJSON(body))
	var answer api.FetchPackageNamesResponse
	for _, hash := range q.Packages {
		for _, r := range w.records {
			if r.leaf.LogID.Any() == hash {
				name, err := protocol.ParsePackageName(r.named.Name)
				must(w.t, err)
				answer.Packages = append(answer.Packages, api.HashEntry[*protocol.PackageName]{Hash: hash, Value: &name})
				break
			}
		}
	}
	return 200, answer.AppendJSON(nil)
}

func (w *world) leafPath(at, length uint64) proof.LeafPath {
	path, err := nodePath(context.Background(), w.tree, 0, at, length)
	must(w.t, err)
	return proof.LeafPath{Index: at, LeafHash: leafHash(w.records[at].entry), Path: rawHashes(path)}
}

func (w *world) balanced(length uint64) []protocol.Hash {
	r, err := rangeAt(context.Background(), w.tree, length)
	must(w.t, err)
	return rangeHashes(r)
}

func (w *world) proveInclusion(body []byte) (int, []byte) {
	var q api.InclusionRequest
	must(w.t, q.UnmarshalJSON(body))
	c := w.at(q.LogLength)
	if c == nil {
		return 404, (&api.ProofError{Variant: api.ProofCheckpointNotFound, LogLength: q.LogLength}).AppendJSON(nil)
	}
	var paths []proof.LeafPath
	var ids []protocol.Hash
	for _, at := range q.Leafs {
		paths = append(paths, w.leafPath(at, q.LogLength))
		ids = append(ids, w.records[at].leaf.LogID)
	}
	log, err := proof.InclusionBundle(q.LogLength, w.balanced(q.LogLength), paths)
	must(w.t, err)
	heads, err := c.m.bundle(context.Background(), ids...)
	must(w.t, err)
	return 200, api.InclusionResponse{Log: log.Encode(), Map: heads}.AppendJSON(nil)
}

func (w *world) proveConsistency(body []byte) (int, []byte) {
	var q api.ConsistencyRequest
	must(w.t, q.UnmarshalJSON(body))
	b, err := proof.ConsistencyBundle(q.From, q.To, w.balanced(q.To), w.leafPath(q.From-1, q.To))
	if err != nil {
		return 400, []byte(fmt.Sprintf(`{"status":400,"message":%q}`, err))
	}
	return 200, api.ConsistencyResponse{Proof: b.Encode()}.AppendJSON(nil)
}
