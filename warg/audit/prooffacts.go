package audit

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// provenLeaf is a leaf that is proved to be in the log of a checkpoint.
type provenLeaf struct {
	Index uint64          `json:"index"`
	Leaf  []byte          `json:"leaf"` // packed
	Path  []protocol.Hash `json:"path"`
}

func (l provenLeaf) verify(head treeClaim) (protocol.LogLeaf, error) {
	if len(l.Leaf) != api.PackedRecordSize {
		return protocol.LogLeaf{}, errors.New("a leaf is not one")
	}
	leaf := unpackLeaf(l.Leaf)
	return leaf, verifyNode(0, l.Index, leaf.Hash(), l.Path, head.Size, head.Root)
}

// refused says what a proof bundle lacks.
type refused struct {
	name    Name
	claimed string
}

// checkInclusion says what is wrong with an answer for inclusion proofs of leaves that
// are heads in the map of a checkpoint; nil if nothing is.
func checkInclusion(e exchange, c protocol.Checkpoint, indexes []uint64, leaves []protocol.LogLeaf) *refused {
	if e.unsupported() { // which is no proof of anything
		return nil
	}
	if !e.has() {
		return &refused{ProofDiffers, fmt.Sprintf("status %d: %.200s", e.Status, e.Answer)}
	}
	var answer api.InclusionResponse
	if err := answer.UnmarshalJSON(e.Answer); err != nil {
		return &refused{BundleIncomplete, err.Error()}
	}
	inLog := make([]proof.Leaf, len(leaves))
	inMap := make([]proof.MapLeaf, len(leaves))
	for i, leaf := range leaves {
		inLog[i] = proof.Leaf{Index: indexes[i], Hash: leaf.Hash()}
		inMap[i] = proof.MapLeaf{LogID: leaf.LogID, RecordID: leaf.RecordID}
	}
	log, err := proof.DecodeLogBundle(answer.Log)
	if err == nil {
		err = log.VerifyInclusion(c.LogLength, c.LogRoot, inLog)
	}
	if err != nil {
		return refusal(err)
	}
	heads, err := proof.DecodeMapBundle(answer.Map)
	if err == nil {
		err = heads.Verify(c.MapRoot, inMap)
	}
	if err != nil {
		return refusal(err)
	}
	return nil
}

func checkConsistency(e exchange, from, to protocol.Checkpoint) *refused {
	if e.unsupported() {
		return nil
	}
	if !e.has() {
		return &refused{ProofDiffers, fmt.Sprintf("status %d: %.200s", e.Status, e.Answer)}
	}
	var answer api.ConsistencyResponse
	if err := answer.UnmarshalJSON(e.Answer); err != nil {
		return &refused{BundleIncomplete, err.Error()}
	}
	bundle, err := proof.DecodeLogBundle(answer.Proof)
	if err == nil {
		err = bundle.VerifyConsistency(from.LogLength, to.LogLength, from.LogRoot, to.LogRoot)
	}
	if err != nil {
		return refusal(err)
	}
	return nil
}

func refusal(err error) *refused {
	for _, incomplete := range []error{proof.ErrMalformed, proof.ErrProofCount, proof.ErrMissingHash} {
		if errors.Is(err, incomplete) {
			return &refused{BundleIncomplete, err.Error()}
		}
	}
	return &refused{ProofDiffers, err.Error()}
}

// inclusionFacts: the API does not prove what is so.
type inclusionFacts struct {
	Head     claim        `json:"head"` // a checkpoint
	Leaves   []provenLeaf `json:"leaves"`
	Map      []byte       `json:"map"` // a map bundle that proves them to be heads
	Exchange exchange     `json:"exchange"`
}

func (f *inclusionFacts) judge() (Finding, error) {
	head, err := f.Head.read()
	if err != nil {
		return Finding{}, err
	}
	if head.MapRoot == nil {
		return Finding{}, errors.New("the tree head is not a checkpoint")
	}
	var request api.InclusionRequest
	if err := requestIn(f.Exchange, api.ProveInclusionPath, &request); err != nil {
		return Finding{}, err
	}
	if request.LogLength != head.Size || len(request.Leafs) != len(f.Leaves) {
		return Finding{}, notContradicting("something else was asked")
	}
	leaves := make([]protocol.LogLeaf, len(f.Leaves))
	heads := make([]proof.MapLeaf, len(f.Leaves))
	for i, l := range f.Leaves {
		if leaves[i], err = l.verify(head); err != nil {
			return Finding{}, err
		}
		if l.Index != request.Leafs[i] {
			return Finding{}, notContradicting("another leaf was asked for")
		}
		heads[i] = proof.MapLeaf{LogID: leaves[i].LogID, RecordID: leaves[i].RecordID}
	}
	bundle, err := proof.DecodeMapBundle(f.Map)
	if err == nil {
		err = bundle.Verify(*head.MapRoot, heads)
	}
	if err != nil {
		return Finding{}, err
	}
	wrong := checkInclusion(f.Exchange, head.checkpoint(), request.Leafs, leaves)
	if wrong == nil {
		return Finding{}, notContradicting("the proofs hold")
	}
	return Finding{
		Name: wrong.name, Log: "api", Index: &head.Size, Claimed: wrong.claimed, Computed: fmt.Sprintf("%d proofs that hold", len(leaves)),
		Explanation: fmt.Sprintf("the API was asked for proofs of %d leaves at length %d, and gave others", len(leaves), head.Size), Keys: head.Keys,
	}, nil
}

// requestIn reads what was asked.
func requestIn(e exchange, path string, into interface{ UnmarshalJSON([]byte) error }) error {
	if e.Path != path || e.Method != http.MethodPost {
		return fmt.Errorf("%s is no request to %s", e, path)
	}
	return into.UnmarshalJSON(e.Asked)
}

// consistencyFacts: the API does not prove a consistency that is so.
type consistencyFacts struct {
	From     claim           `json:"from"` // checkpoints
	To       claim           `json:"to"`
	Path     []protocol.Hash `json:"path"` // the RFC 6962 proof
	Exchange exchange        `json:"exchange"`
}

func (f *consistencyFacts) judge() (Finding, error) {
	from, err := f.From.read()
	if err != nil {
		return Finding{}, err
	}
	to, err := f.To.read()
	if err != nil {
		return Finding{}, err
	}
	if from.MapRoot == nil || to.MapRoot == nil {
		return Finding{}, errors.New("the tree heads are not checkpoints")
	}
	if err := verifyConsistency(from.Size, to.Size, f.Path, from.Root, to.Root); err != nil {
		return Finding{}, err
	}
	var request api.ConsistencyRequest
	if err := requestIn(f.Exchange, api.ProveConsistencyPath, &request); err != nil {
		return Finding{}, err
	}
	if request.From != from.Size || request.To != to.Size {
		return Finding{}, notContradicting("something else was asked")
	}
	wrong := checkConsistency(f.Exchange, from.checkpoint(), to.checkpoint())
	if wrong == nil {
		return Finding{}, notContradicting("the proof holds")
	}
	r, err := related(from, to)
	if err != nil {
		return Finding{}, err
	}
	return Finding{
		Name: wrong.name, Log: "api", Index: &to.Size, Claimed: wrong.claimed, Computed: "a proof that holds",
		Explanation: fmt.Sprintf("the API was asked for a consistency proof from %d to %d, and gave another", from.Size, to.Size), Keys: r.keys,
	}, nil
}

// unservedFacts: the API does not know a checkpoint of the checkpoints log.
type unservedFacts struct {
	Logged   logged     `json:"logged"`
	Leaf     provenLeaf `json:"leaf"` // the last leaf of the checkpoint
	Exchange exchange   `json:"exchange"`
	// Map proves that the leaf is the head of its log, unless the checkpoint is denied.
	Map []byte `json:"map,omitempty"`
}

func (f *unservedFacts) judge() (Finding, error) {
	c, in, err := f.Logged.read()
	if err != nil {
		return Finding{}, err
	}
	head := treeClaim{Log: tlog.Records, Size: c.LogLength, Root: c.LogRoot, MapRoot: &c.MapRoot}
	var request api.InclusionRequest
	if err := requestIn(f.Exchange, api.ProveInclusionPath, &request); err != nil {
		return Finding{}, err
	}
	if request.LogLength != c.LogLength || len(request.Leafs) != 1 || request.Leafs[0]+1 != c.LogLength {
		return Finding{}, notContradicting("something else was asked")
	}
	finding := Finding{
		Name: CheckpointNeverServed, Log: string(tlog.Checkpoints), Index: &f.Logged.Index, Keys: in.Keys,
		Computed: fmt.Sprintf("entry %d is the checkpoint of length %d", f.Logged.Index, c.LogLength),
	}
	if f.Exchange.denies() {
		finding.Claimed = fmt.Sprintf("status %d", f.Exchange.Status)
		finding.Explanation = fmt.Sprintf("the API does not know the checkpoint of length %d, which is in the checkpoints log", c.LogLength)
		return finding, nil
	}
	leaf, err := f.Leaf.verify(head)
	if err != nil {
		return Finding{}, err
	}
	bundle, err := proof.DecodeMapBundle(f.Map)
	if err == nil {
		err = bundle.Verify(c.MapRoot, []proof.MapLeaf{{LogID: leaf.LogID, RecordID: leaf.RecordID}})
	}
	if err != nil {
		return Finding{}, err
	}
	wrong := checkInclusion(f.Exchange, c, request.Leafs, []protocol.LogLeaf{leaf})
	if wrong == nil || f.Leaf.Index != request.Leafs[0] {
		return Finding{}, notContradicting("the proofs hold")
	}
	if wrong.name == BundleIncomplete {
		finding.Name, finding.Log = BundleIncomplete, "api"
	}
	finding.Claimed = wrong.claimed
	finding.Explanation = fmt.Sprintf("what the API proves at length %d does not lead to the roots in the checkpoints log", c.LogLength)
	return finding, nil
}
