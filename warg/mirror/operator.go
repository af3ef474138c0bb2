package mirror

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// operatorState is what an export has read of the operator log in the folder.
type operatorState struct {
	Records   uint64   `json:"records"`   // of the records log that were looked at
	Envelopes [][]byte `json:"envelopes"` // of the operator log, in order
}

// Names and bounds of the state.
const (
	operatorStatePath = stateDir + "/operator.json"
	maxOperatorState  = 256 << 20
)

// operatorKeys returns the registry's identity and the keys that may sign statements, of the
// operator log among the first size records in the folder.
func (e *exporter) operatorKeys(size uint64) (origin protocol.Hash, keys withheld.Keys, err error) {
	state, err := e.readOperator(size)
	if err != nil {
		return origin, nil, err
	}
	var log protocol.OperatorLog
	var records []*protocol.OperatorRecord
	for i, raw := range state.Envelopes {
		envelope, err := protocol.UnmarshalEnvelopeProto(raw)
		if err != nil {
			return origin, nil, fmt.Errorf("operator record %d: %w", i, err)
		}
		if i == 0 {
			origin = protocol.OperatorRecordID(envelope.Content)
		}
		record, err := protocol.ParseOperatorEnvelope(envelope)
		if err == nil {
			err = log.Validate(record)
		}
		if err != nil {
			return origin, nil, fmt.Errorf("operator record %d is not valid (`audit` of the folder says more): %w", i, err)
		}
		records = append(records, record.Record)
	}
	if len(records) == 0 {
		return origin, nil, errors.New("the log in the folder has no record of the operator")
	}
	return origin, withheld.OperatorKeys(records...), nil
}

// readOperator reads the records of the operator that were not read before.
func (e *exporter) readOperator(size uint64) (state operatorState, err error) {
	text, err := e.out.read(operatorStatePath, maxOperatorState)
	if err == nil {
		err = json.Unmarshal(text, &state)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return state, fmt.Errorf("%s, which an earlier export wrote: %w", operatorStatePath, err)
	}
	if state.Records == size {
		return state, nil
	}
	err = e.records(state.Records, size, size, func(_ uint64, n tlog.NamedEnvelope) {
		if n.Name == "" {
			state.Envelopes = append(state.Envelopes, n.Envelope)
		}
	})
	if err != nil {
		return state, err
	}
	state.Records = size
	if text, err = json.Marshal(state); err != nil {
		return state, err
	}
	return state, e.out.write(operatorStatePath, text)
}

// records reads the records from one index to another, of a log of some size, from the folder.
func (e *exporter) records(from, to, size uint64, take func(index uint64, n tlog.NamedEnvelope)) error {
	for n := from / tlog.TileWidth; n*tlog.TileWidth < to; n++ {
		f := tlog.File{Kind: tlog.Envelopes, Index: n, Width: tlog.Width(0, n, size)}
		name := path.Join(tlog.Records.Path(), f.Path())
		var named []tlog.NamedEnvelope
		bundle, err := e.out.read(name, maxEnvelopes)
		if err == nil {
			named, err = tlog.ParseEnvelopes(bundle, f.Width)
		}
		if err != nil {
			return fmt.Errorf("%s in the folder is damaged; an export that verifies it repairs it: %w", name, err)
		}
		for i, n := range named {
			if index := f.Index*tlog.TileWidth + uint64(i); index >= from && index < to {
				take(index, n)
			}
		}
	}
	return nil
}
