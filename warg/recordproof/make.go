package recordproof

import (
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Bounds of what [Make] writes and [Verify] reads.
const (
	MaxProof   = 64 << 20 // bytes of a proof as text
	MaxRecords = 100_000  // of the package, up to the release
)

// Make returns the proof of a release. The envelopes are those of the package's
// records from the first to the one with the release, each a protobuf message as
// [protocol.Envelope.MarshalProto] gives it. The index is that of the last one in the
// records log, and path its inclusion proof (RFC 6962 section 2.1.1) in the log of the
// signed note. It checks the bounds alone: a wrong proof harms nobody but whoever
// relies on it, and [Verify] finds out.
func Make(name protocol.PackageName, envelopes [][]byte, index uint64, path []protocol.Hash, note []byte) (tlog.Proof, error) {
	if len(envelopes) == 0 {
		return tlog.Proof{}, errors.New("a proof of a release takes the records of the package; there are none")
	}
	if len(envelopes) > MaxRecords {
		return tlog.Proof{}, fmt.Errorf("package %s has %d records up to the release; a proof may have %d", name, len(envelopes), MaxRecords)
	}
	named := make([]tlog.NamedEnvelope, len(envelopes))
	size := len(note)
	for i, envelope := range envelopes {
		named[i] = tlog.NamedEnvelope{Name: name.String(), Envelope: envelope}
		size += len(envelope) + len(named[i].Name) + perRecord
	}
	// In the text, extra data stand in base64.
	if size > MaxProof/4*3-perProof {
		return tlog.Proof{}, fmt.Errorf("the records of package %s up to the release have %d bytes; a proof may have %d bytes in base64", name, size, MaxProof)
	}
	return tlog.Proof{Extra: tlog.EncodeEnvelopes(named), Index: index, Path: path, Note: note}, nil
}

// What surrounds the records at most, in bytes: the lengths and field tags of one
// record, and the other lines of a proof.
const (
	perRecord = 32
	perProof  = 8 << 10
)
