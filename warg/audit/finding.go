package audit

import (
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Name is the name of a kind of finding. Names do not change.
type Name string

// The names of findings.
const (
	InvalidRecord         Name = "invalid-record"              // a record breaks a rule of its log; Finding.Rule says which
	OperatorStranger      Name = "operator-record-by-stranger" // an operator record is signed by a key that the operator log did not have
	OperatorKeyDiffers    Name = "operator-key-differs"        // the operator log begins with another key than the expected one
	NamespaceUndefined    Name = "namespace-undefined"         // a package is published in a namespace that no operator record before it defines
	MapRootDiffers        Name = "map-root-differs"            // the map root of a checkpoint is not that of the records below it
	LogRootDiffers        Name = "log-root-differs"            // the leaves of v1/ledger do not give the log root of the signed checkpoint
	LogForked             Name = "log-forked"                  // two signed tree heads of the records or checkpoints log contradict each other
	LogRewound            Name = "log-rewound"                 // an older tree head is served after a newer one
	CheckpointSignature   Name = "checkpoint-signature"        // a checkpoint is signed by a key that is unknown or may not sign, or the signature is wrong
	CheckpointFuture      Name = "checkpoint-from-future"      // the time of a checkpoint has not come yet
	TimestampBack         Name = "timestamp-goes-back"         // a checkpoint has an earlier time than one before it
	CheckpointStale       Name = "checkpoint-stale"            // the latest checkpoint was signed too long ago
	CheckpointNotLogged   Name = "checkpoint-not-logged"       // a signed checkpoint is missing from the checkpoints log
	CheckpointNeverServed Name = "checkpoint-never-served"     // a checkpoint is in the checkpoints log, and the API does not know it or proves other roots
	CheckpointsOrder      Name = "checkpoints-order"           // lengths in the checkpoints log do not grow, or an entry is no checkpoint
	ReleaseDropped        Name = "release-dropped"             // v1/fetch/logs leaves out a record with a release that is in the log
	APILogDiffers         Name = "api-log-differs"             // v1/fetch/logs answers otherwise than the log
	APINameDiffers        Name = "api-name-differs"            // v1/fetch/names gives another name than the log
	BundleIncomplete      Name = "bundle-incomplete"           // a proof bundle does not hold the proofs that were asked for
	ProofDiffers          Name = "proof-differs"               // a proof bundle leads to other roots than the checkpoint's
	ContentAltered        Name = "content-altered"             // the content of a release does not have its digest
	ContentWithheld       Name = "content-withheld"            // the content of a release is not given
	WithheldListInvalid   Name = "withheld-list-invalid"       // a statement in the operator's list of withheld content does not hold, or is missing
	WithheldListRewound   Name = "withheld-list-rewound"       // the operator's list of withheld content is shorter than before
	WithheldListForked    Name = "withheld-list-forked"        // the operator has signed two statements of one number on withheld content
	TileDiffers           Name = "tile-differs"                // a tile or bundle of entries is not that of the signed tree head
	TileWithheld          Name = "tile-withheld"               // a file that must exist for the signed tree head is not there
	EnvelopeNotLeaf       Name = "envelope-not-leaf"           // a name and envelope do not hash to their leaf
	NoteSignature         Name = "note-signature"              // a note is not signed by the log's key, or is of another origin
	NoteStale             Name = "note-stale"                  // the note has been behind the signed checkpoints for too long
	NoteInconsistent      Name = "note-not-consistent"         // the root of a note is not that of the log's tiles
	CosignatureTimeZero   Name = "cosignature-time-zero"       // a cosignature has no time
	CosignatureFuture     Name = "cosignature-from-future"     // the time of a cosignature has not come yet
	CosignatureStranger   Name = "cosignature-by-stranger"     // a cosignature under the name of a witness of the policy is by another key, or strangers stand where the quorum is missing
	CosignatureOrigin     Name = "cosignature-other-origin"    // a cosignature is that of another log
	CosignatureWrong      Name = "cosignature-wrong"           // a cosignature by a witness of the policy does not hold
	CosignatureQuorum     Name = "cosignature-quorum"          // the note has too few cosignatures for the policy
)

// Finding is a lie, or something broken that can not be told from one.
type Finding struct {
	Name Name `json:"name"`
	// Log is what it is about: the name of a package, "operator", "records" or
	// "checkpoints" (the logs), "api", "withheld" (the operator's list of such content).
	Log string `json:"log"`
	// Index is the leaf of the records log, or of the checkpoints log, that it is
	// about; for a checkpoint or note its length. Nil if there is none.
	Index *uint64 `json:"index,omitempty"`
	// Rule is the rule that a record breaks.
	Rule        protocol.Rule `json:"rule,omitempty"`
	Claimed     string        `json:"claimed"`     // what the registry says
	Computed    string        `json:"computed"`    // what is so
	Explanation string        `json:"explanation"` // one sentence for people
	// Signed tells that the evidence has the registry's signature under what is
	// refuted; otherwise that it said so rests on whoever recorded the evidence.
	Signed bool `json:"signed"`
	// Rests is what is not signed and rests on whoever recorded the evidence, such as
	// "that the registry gave this answer"; "" if Signed. The rest of the evidence may be
	// signed all the same, by Keys.
	Rests string `json:"rests,omitempty"`
	// Keys are the public keys (of the operator, and note vkeys) that signed what is
	// in the evidence. Whether they are the registry's the reader has to know.
	Keys []string `json:"keys,omitempty"`
	// Evidence is the document that [Check] takes; nil where it would be longer than
	// [MaxEvidence].
	Evidence []byte `json:"-"`
}

// settled fills in what rests on whoever recorded the evidence.
func (f Finding) settled() Finding {
	switch {
	case f.Signed:
		f.Rests = ""
	case f.Rests == "":
		f.Rests = "that the registry gave this answer"
	}
	return f
}

func (f Finding) String() string {
	at := ""
	if f.Index != nil {
		at = fmt.Sprintf(" at %d", *f.Index)
	}
	rule := ""
	if f.Rule != "" {
		rule = " (" + string(f.Rule) + ")"
	}
	return fmt.Sprintf("%s%s in %s%s: %s", f.Name, rule, f.Log, at, f.Explanation)
}

// Unchecked is what a round could not check.
type Unchecked struct {
	What   string `json:"what"`
	Reason string `json:"reason"`
}

// Report is what one round found.
type Report struct {
	Findings []Finding `json:"findings"`
	// Suppressed counts findings of a name that are left out because there were many
	// of it in this round; see [Options.MaxFindings].
	Suppressed map[Name]int `json:"suppressed,omitempty"`
	Unchecked  []Unchecked  `json:"unchecked,omitempty"`
	// Mode says what was read: "tlog" for static files, "v1" for the API alone.
	Mode        string `json:"mode"`
	Records     uint64 `json:"records"`     // leaves of the records log that are audited now, since the beginning
	Checkpoints uint64 `json:"checkpoints"` // likewise of the checkpoints log
	NewRecords  uint64 `json:"newRecords"`  // in this round
	Contents    uint64 `json:"contents"`    // contents whose bytes were hashed in this round
	// Checkpoint is the latest signed checkpoint that the API served, if it did and
	// its signature holds.
	Checkpoint *protocol.SignedCheckpoint `json:"checkpoint,omitempty"`
}

// Values of Report.Mode.
const (
	modeTiles = "tlog"
	modeAPI   = "v1"
)

// Clean tells that nothing was found.
func (r *Report) Clean() bool { return len(r.Findings) == 0 }
