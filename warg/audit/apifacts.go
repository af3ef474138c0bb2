package audit

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// logsFacts: v1/fetch/logs answers otherwise than the log.
type logsFacts struct {
	Head     claim    `json:"head"` // the checkpoint that was asked about
	Exchange exchange `json:"exchange"`
	// Record is what the answer leaves out, or has otherwise.
	Record *provenRecord `json:"record,omitempty"`
	// After is the index of the record behind which was asked: that the fetch token
	// means it rests on whoever recorded this. Nil: from the first record on.
	After *uint64 `json:"after,omitempty"`
	// Leaf is a leaf that the answer has as a record of a log, and which is another.
	Leaf *provenLeaf `json:"leaf,omitempty"`
	// Beyond tells that the answer has a record that is not in the log at that length.
	Beyond bool `json:"beyond,omitempty"`
	// Disorder tells that the answer has records that do not follow each other, or
	// After.
	Disorder bool `json:"disorder,omitempty"`
}

// answeredLogs are the parts of an answer of v1/fetch/logs, by log id.
func answeredLogs(r api.FetchLogsResponse) map[protocol.AnyHash][]api.PublishedRecord {
	logs := map[protocol.AnyHash][]api.PublishedRecord{protocol.OperatorLogID().Any(): r.Operator}
	for _, p := range r.Packages {
		logs[p.Hash] = p.Value
	}
	return logs
}

// recordIDIn is the id of a record in a log.
func recordIDIn(logID protocol.AnyHash, content []byte) protocol.Hash {
	if logID == protocol.OperatorLogID().Any() {
		return protocol.OperatorRecordID(content)
	}
	return protocol.PackageRecordID(content)
}

func (f *logsFacts) judge() (Finding, error) {
	head, err := f.Head.read()
	if err != nil {
		return Finding{}, err
	}
	var request api.FetchLogsRequest
	if err := requestIn(f.Exchange, api.FetchLogsPath, &request); err != nil {
		return Finding{}, err
	}
	if head.MapRoot == nil || request.LogLength != head.Size {
		return Finding{}, notContradicting("another length was asked for")
	}
	var answer api.FetchLogsResponse
	if !f.Exchange.denies() {
		if err := answer.UnmarshalJSON(f.Exchange.Answer); err != nil || !f.Exchange.has() {
			return Finding{}, errors.Join(errors.New("the answer is not one"), err)
		}
	}
	finding := Finding{Name: APILogDiffers, Log: "api", Keys: head.Keys}
	switch {
	case f.Beyond:
		return f.judgeBeyond(head, answer, finding)
	case f.Disorder:
		return f.judgeDisorder(answer, finding)
	case f.Leaf != nil:
		return f.judgeLeaf(head, request, answer, finding)
	case f.Record != nil:
		return f.judgeRecord(head, request, answer, finding)
	}
	return Finding{}, notContradicting("nothing is compared")
}

func (f *logsFacts) judgeBeyond(head treeClaim, answer api.FetchLogsResponse, finding Finding) (Finding, error) {
	for id, records := range answeredLogs(answer) {
		for _, r := range records {
			if r.RegistryIndex >= head.Size {
				finding.Index, finding.Claimed = &r.RegistryIndex, fmt.Sprintf("log %s has a record at index %d", id, r.RegistryIndex)
				finding.Computed = fmt.Sprintf("the checkpoint has %d records", head.Size)
				finding.Explanation = "the API gives a record that is not in the log of the checkpoint that it was asked about"
				return finding, nil
			}
		}
	}
	return Finding{}, notContradicting("all records are in the log of the checkpoint")
}

func (f *logsFacts) judgeDisorder(answer api.FetchLogsResponse, finding Finding) (Finding, error) {
	logs := [][]api.PublishedRecord{answer.Operator}
	if len(answer.Packages) > 0 { // only one log was asked for: the operator's comes unasked then
		logs = [][]api.PublishedRecord{}
		for _, p := range answer.Packages {
			logs = append(logs, p.Value)
		}
	}
	for _, records := range logs {
		before := f.After
		for _, r := range records {
			if before == nil || r.RegistryIndex > *before {
				before = &r.RegistryIndex
				continue
			}
			finding.Index = &r.RegistryIndex
			finding.Claimed = fmt.Sprintf("the record at index %d follows that at %d", r.RegistryIndex, *before)
			finding.Computed = fmt.Sprintf("an index above %d", *before)
			finding.Explanation = fmt.Sprintf("the API gives the record at index %d of a log again, or in the wrong order", r.RegistryIndex)
			return finding, nil
		}
	}
	return Finding{}, notContradicting("the records follow each other")
}

func (f *logsFacts) judgeLeaf(head treeClaim, request api.FetchLogsRequest, answer api.FetchLogsResponse, finding Finding) (Finding, error) {
	leaf, err := f.Leaf.verify(head)
	if err != nil {
		return Finding{}, err
	}
	for id, records := range answeredLogs(answer) {
		for _, r := range records {
			if r.RegistryIndex != f.Leaf.Index {
				continue
			}
			record := recordIDIn(id, r.Envelope.Content)
			if id == leaf.LogID.Any() && record == leaf.RecordID {
				continue
			}
			finding.Index = &f.Leaf.Index
			finding.Claimed = fmt.Sprintf("record %s of log %s", record, id)
			finding.Computed = fmt.Sprintf("record %s of log %s", leaf.RecordID, leaf.LogID)
			finding.Explanation = fmt.Sprintf("the API gives another record at index %d than the log has there", f.Leaf.Index)
			return finding, nil
		}
	}
	if err := f.leftOut(request, answer, leaf, f.Leaf.Index); err != nil {
		return Finding{}, err
	}
	finding.Index, finding.Claimed, finding.Computed = &f.Leaf.Index, "no such record", fmt.Sprintf("record %s of log %s", leaf.RecordID, leaf.LogID)
	finding.Explanation = fmt.Sprintf("the API leaves out the record at index %d", f.Leaf.Index)
	return finding, nil
}

// leftOut demands that a record was asked for, and is not in the answer though it goes
// as far.
func (f *logsFacts) leftOut(request api.FetchLogsRequest, answer api.FetchLogsResponse, leaf protocol.LogLeaf, at uint64) error {
	asked, token := leaf.LogID == protocol.OperatorLogID(), request.Operator
	for _, p := range request.Packages {
		if p.Hash == leaf.LogID.Any() {
			asked, token = true, p.Value
		}
	}
	if !asked || (token == nil) != (f.After == nil) || f.After != nil && *f.After >= at {
		return notContradicting("the record was not asked for")
	}
	passed := !answer.More || f.Exchange.denies()
	for _, r := range answeredLogs(answer)[leaf.LogID.Any()] {
		passed = passed || r.RegistryIndex > at
		if r.RegistryIndex == at {
			return notContradicting("the answer has a record there")
		}
	}
	if !passed {
		return notContradicting("the answer does not go as far as the record")
	}
	return nil
}

func (f *logsFacts) judgeRecord(head treeClaim, request api.FetchLogsRequest, answer api.FetchLogsResponse, finding Finding) (Finding, error) {
	leaf, envelope, err := f.Record.verify(head)
	if err != nil {
		return Finding{}, err
	}
	finding.Log, finding.Index = f.Record.Name, &f.Record.Index
	if f.Record.Name == "" {
		finding.Log = operatorName
	}
	for _, r := range answeredLogs(answer)[leaf.LogID.Any()] {
		if r.RegistryIndex != f.Record.Index {
			continue
		}
		if bytes.Equal(r.Envelope.MarshalProto(), f.Record.Envelope) {
			return Finding{}, notContradicting("the answer has the record")
		}
		finding.Claimed, finding.Computed = "another envelope", fmt.Sprintf("the envelope of record %s", leaf.RecordID)
		finding.Explanation = fmt.Sprintf("the API gives another envelope of the record at index %d than the log has", f.Record.Index)
		return finding, nil
	}
	if err := f.leftOut(request, answer, leaf, f.Record.Index); err != nil {
		return Finding{}, err
	}
	finding.Claimed, finding.Computed = "no such record", fmt.Sprintf("record %s", leaf.RecordID)
	finding.Explanation = fmt.Sprintf("the API leaves out the record at index %d of %s", f.Record.Index, finding.Log)
	if releases(f.Record.Name, envelope) {
		finding.Name = ReleaseDropped
		finding.Explanation += ", which has a release"
	}
	return finding, nil
}

// releases tells that a record of a package has a release.
func releases(name string, envelope protocol.Envelope) bool {
	record, err := protocol.ParsePackageEnvelope(envelope)
	return name != "" && err == nil && len(record.Record.Contents()) > 0
}
