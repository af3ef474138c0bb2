package publisher

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// A leaf of the records log has as its value warg's encoding of (log id, record
// id), so that Trillian's root is warg's, and as its extra data all that it
// takes to rebuild the registry's database: a protobuf message of the package
// name (field 1, absent for the operator log) and the envelope (field 2).
const (
	extraName     protowire.Number = 1
	extraEnvelope protowire.Number = 2
)

// newLeaf makes the leaf of a record. Its identity is the SHA-256 of its value:
// Trillian takes each record once.
func newLeaf(leaf protocol.LogLeaf, name string, envelope []byte) trilliansvc.Leaf {
	value := leaf.Encode()
	var extra []byte
	if name != "" {
		extra = protowire.AppendTag(extra, extraName, protowire.BytesType)
		extra = protowire.AppendString(extra, name)
	}
	extra = protowire.AppendTag(extra, extraEnvelope, protowire.BytesType)
	extra = protowire.AppendBytes(extra, envelope)
	return trilliansvc.Leaf{Value: value, ExtraData: extra, IdentityHash: protocol.HashOf(value)}
}

// readExtra reads the extra data of a leaf that [newLeaf] made.
func readExtra(extra []byte) (name string, envelope []byte, err error) {
	for len(extra) > 0 {
		number, kind, n := protowire.ConsumeField(extra) // n includes the tag
		if n < 0 {
			return "", nil, fmt.Errorf("its extra data is damaged: %w", protowire.ParseError(n))
		}
		_, _, tag := protowire.ConsumeTag(extra)
		if kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(extra[tag:])
			switch number {
			case extraName:
				name = string(value)
			case extraEnvelope:
				envelope = value
			}
		}
		extra = extra[n:]
	}
	return name, envelope, nil
}

// readLeaf checks that a leaf is one that [newLeaf] made and returns what it
// stands for.
func readLeaf(l trilliansvc.Leaf) (protocol.LogLeaf, error) {
	leaf, err := protocol.ParseLogLeaf(l.Value)
	if err != nil {
		return leaf, fmt.Errorf("it is not a record of a warg registry: %w", err)
	}
	if protocol.HashOf(l.Value) != l.IdentityHash {
		return leaf, fmt.Errorf("its identity hash is %s, not that of its value", l.IdentityHash)
	}
	return leaf, nil
}
