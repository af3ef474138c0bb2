package protocol

import (
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/internal/protoread"
)

// A leaf of the records log carries, outside the Merkle tree, what its value is
// a digest of. It is a protobuf message of this registry, not of the reference:
//
//	message LeafData {
//	  string name = 1;    // of the package; absent in the operator log
//	  bytes envelope = 2; // an Envelope message
//	}
const (
	leafName     = 1
	leafEnvelope = 2
)

// EncodeLeafData returns the extra data of a leaf of the records log: the name
// of the package, empty for a record of the operator log, and the envelope as
// [Envelope.MarshalProto] gives it. With it the log alone is enough to rebuild
// a registry and to audit it.
func EncodeLeafData(name string, envelope []byte) []byte {
	b := make([]byte, 0, len(name)+len(envelope)+16)
	return appendMessage(appendText(b, leafName, name), leafEnvelope, envelope)
}

// ParseLeafData reads what [EncodeLeafData] writes; unknown fields are ignored.
// The envelope aliases data. The Merkle tree does not cover this data: whoever
// reads it must check that the leaf's value is that of the record in the
// envelope and of the log of that name.
func ParseLeafData(data []byte) (name string, envelope []byte, err error) {
	var hasName, hasEnvelope bool
	r := protoread.New(data)
	for !r.Done() {
		f, err := r.Next()
		if err != nil {
			return "", nil, fmt.Errorf("leaf data: %w", err)
		}
		switch f.Number {
		case leafName:
			var text []byte
			text, err = f.Text()
			name, err = string(text), onlyOnce(&hasName, err)
		case leafEnvelope:
			envelope, err = f.Message()
			err = onlyOnce(&hasEnvelope, err)
		}
		if err != nil {
			return "", nil, fmt.Errorf("leaf data: %w", err)
		}
	}
	if !hasEnvelope {
		return "", nil, errors.New("leaf data: no envelope")
	}
	return name, envelope, nil
}

// onlyOnce refuses the second of a field.
func onlyOnce(seen *bool, err error) error {
	if err == nil && *seen {
		err = errors.New("a field stands twice")
	}
	*seen = true
	return err
}
