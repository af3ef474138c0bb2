package audit

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// position is how far a registry has been audited: all that was read before is in it,
// and in the values of the packages and the map.
type position struct {
	Records         uint64          `json:"records"` // leaves of the records log
	Range           []protocol.Hash `json:"range"`   // balanced roots of them
	MapRoot         protocol.Hash   `json:"mapRoot"` // at Records
	Checkpoints     uint64          `json:"checkpoints"`
	CheckpointRange []protocol.Hash `json:"checkpointRange"`
	LastLength      uint64          `json:"lastLength"` // of the last entry of the checkpoints log
	// Good is the last stop at which the roots that the registry stated were right.
	Good      goodStop `json:"good"`
	Operators uint64   `json:"operators"` // records of the operator log
	// OperatorBroken is the index of an invalid operator record: what follows it in
	// that log is not validated.
	OperatorBroken *uint64 `json:"operatorBroken,omitempty"`
}

// goodStop is a checkpoint with the right roots: an entry of the checkpoints log, or a
// signed checkpoint. Neither is the beginning, with no records.
type goodStop struct {
	Length     uint64          `json:"length"`
	Entry      *uint64         `json:"entry,omitempty"`
	Checkpoint json.RawMessage `json:"checkpoint,omitempty"`
}

// sightings are what was served.
type sightings struct {
	Notes map[tlog.Log]sighting `json:"notes,omitempty"`
	// Latest is the newest checkpoint with a good signature.
	Latest json.RawMessage `json:"latest,omitempty"`
	// Open are signed checkpoints that are further than what is audited, or not in the
	// checkpoints log yet.
	Open []sighting `json:"open,omitempty"`
	// API tells that the v1 API answered once.
	API bool `json:"api,omitempty"`
	// Turn is how far everything was looked at again.
	Turn turn `json:"turn"`
	// Reread are parts of the logs whose static files were wrong when they were looked at
	// again.
	Reread []part `json:"reread,omitempty"`
	// LowestServed is the length of the shortest checkpoint that the API proved.
	LowestServed *uint64 `json:"lowestServed,omitempty"`
	// ContentAfter is the last content that was asked for, if those behind it were not.
	ContentAfter []byte `json:"contentAfter,omitempty"`
	// Compared is the checkpoint at which the API was compared last.
	Compared *goodStop `json:"compared,omitempty"`
	// Statements are the operator's on withheld content, as they were read last.
	Statements *statementsSeen `json:"statements,omitempty"`
}

// sighting is a note, or a checkpoint of the API, and when it was seen first (seconds
// since 1970).
type sighting struct {
	Text  []byte `json:"text"`
	First int64  `json:"first"`
	// Judged tells that a checkpoint's signature and roots were looked at.
	Judged bool `json:"judged,omitempty"`
}

// maxOpen bounds the checkpoints that are remembered as open: the oldest stay.
const maxOpen = 32

// packageState is what is known of a log of records, of a package or the operator.
type packageState struct {
	Name  string         `json:"name,omitempty"`
	Count uint64         `json:"count"` // records
	Last  uint64         `json:"last"`  // index of the last
	Head  *protocol.Hash `json:"head,omitempty"`
	Chain protocol.Hash  `json:"chain"` // see next
	State []byte         `json:"state,omitempty"`
	// Broken is the index of an invalid record; what follows it is not validated.
	Broken *uint64 `json:"broken,omitempty"`
	// Compared is how far v1/fetch/logs was compared.
	Compared comparison `json:"compared"`
	// Again tells that it is to be compared from the first record on.
	Again bool `json:"again,omitempty"`
}

// comparison is a place in a log: behind so many records, the last of which the API
// gave with a fetch token.
type comparison struct {
	Count uint64        `json:"count,omitempty"`
	Last  uint64        `json:"last,omitempty"`
	Token string        `json:"token,omitempty"`
	Chain protocol.Hash `json:"chain"`
}

// begin is where comparing v1/fetch/logs begins.
func (p packageState) begin() comparison {
	if p.Again {
		return comparison{}
	}
	return p.Compared
}

// next is the chain with one record more: it commits to the places and envelopes of all.
func nextInChain(chain protocol.Hash, index uint64, envelope []byte) protocol.Hash {
	digest := protocol.HashOf(envelope)
	return protocol.HashOf(chain[:], numberKey(index), digest[:])
}

var (
	keyPosition  = []byte("position")
	keySightings = []byte("sightings")
)

// load reads what is remembered into a round.
func (r *round) load(ctx context.Context) error {
	if _, err := r.state.getJSON(ctx, spaceState, keyPosition, &r.pos); err != nil {
		return err
	}
	if _, err := r.state.getJSON(ctx, spaceState, keySightings, &r.seen); err != nil {
		return err
	}
	if r.seen.Notes == nil {
		r.seen.Notes = map[tlog.Log]sighting{}
	}
	if r.pos.Records == 0 {
		r.pos.MapRoot = emptyMapRoot()
	}
	var err error
	if r.records, err = newRange(r.pos.Records, r.pos.Range); err == nil {
		r.checkpoints, err = newRange(r.pos.Checkpoints, r.pos.CheckpointRange)
	}
	if err != nil {
		return fmt.Errorf("what the store has can not be read: %w", err)
	}
	r.mapAt, r.start = r.pos.Records, r.pos.Records
	operators, err := r.operatorRecords(ctx, r.pos.Operators)
	if err != nil {
		return err
	}
	for _, o := range operators {
		if r.pos.OperatorBroken == nil || o.index < *r.pos.OperatorBroken {
			operatorVerdict(&r.operator, o.envelope)
		}
	}
	return nil
}

// operatorRecord is a record of the operator log as the store has it.
type operatorRecord struct {
	index    uint64
	raw      []byte // protobuf
	envelope protocol.Envelope
}

func (r *round) operatorRecords(ctx context.Context, count uint64) (all []operatorRecord, err error) {
	for n := range count {
		b, err := r.state.get(ctx, spaceOperator, numberKey(n))
		if err != nil {
			return nil, err
		}
		if len(b) < 8 {
			return nil, fmt.Errorf("the store lacks operator record %d; begin anew with an empty one", n)
		}
		envelope, err := protocol.UnmarshalEnvelopeProto(b[8:])
		if err != nil {
			return nil, fmt.Errorf("operator record %d in the store: %w", n, err)
		}
		all = append(all, operatorRecord{binary.BigEndian.Uint64(b), b[8:], envelope})
	}
	return all, nil
}

// save puts the position among the changes, with a map that is as far, and commits them.
func (r *round) save(ctx context.Context) error {
	if err := r.updateMap(ctx); err != nil {
		return err
	}
	r.pos.Range, r.pos.CheckpointRange = rangeHashes(r.records), rangeHashes(r.checkpoints)
	if err := r.state.putJSON(spaceState, keyPosition, r.pos); err != nil {
		return err
	}
	if err := r.state.putJSON(spaceState, keySightings, r.seen); err != nil {
		return err
	}
	r.uncommitted = 0
	return r.state.commit(ctx)
}

// roots are those of the log and the map at a length at which the replay stopped.
func (r *round) roots(ctx context.Context, length uint64) (c protocol.Checkpoint, ok bool, err error) {
	b, err := r.state.get(ctx, spaceRoots, numberKey(length))
	if err != nil || len(b) != 2*protocol.HashSize {
		return c, false, err
	}
	c.LogLength = length
	copy(c.LogRoot[:], b)
	copy(c.MapRoot[:], b[protocol.HashSize:])
	return c, true, nil
}

func (r *round) packageState(ctx context.Context, logID protocol.Hash) (p packageState, err error) {
	_, err = r.state.getJSON(ctx, spacePackage, logID[:], &p)
	return p, err
}

func releaseKey(logID protocol.Hash, version string) []byte { return append(logID[:], version...) }
