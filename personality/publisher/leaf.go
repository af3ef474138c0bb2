package publisher

import (
	"bytes"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// A leaf of the records log has as its value warg's encoding of (log id, record
// id), so that the log's root is warg's, and as its extra data all that it takes to
// rebuild the registry's database: a protobuf message of the package name (field 1,
// absent for the operator log) and the envelope (field 2).
const (
	extraName     protowire.Number = 1
	extraEnvelope protowire.Number = 2
)

// newLeaf makes the leaf of a record.
func newLeaf(leaf protocol.LogLeaf, name string, envelope []byte) follow.Leaf {
	return follow.Leaf{Value: leaf.Encode(), ExtraData: encodeExtra(name, envelope)}
}

func encodeExtra(name string, envelope []byte) []byte {
	var extra []byte
	if name != "" {
		extra = protowire.AppendTag(extra, extraName, protowire.BytesType)
		extra = protowire.AppendString(extra, name)
	}
	extra = protowire.AppendTag(extra, extraEnvelope, protowire.BytesType)
	return protowire.AppendBytes(extra, envelope)
}

// readExtra reads the extra data of a leaf. The Merkle tree does not cover it, so it
// is refused unless it is what [newLeaf] writes, with a name that is that of the
// leaf's log. Whether the envelope is the record's the caller has to find out.
func readExtra(leaf protocol.LogLeaf, extra []byte) (name string, envelope []byte, err error) {
	for rest := extra; len(rest) > 0; {
		number, kind, tag := protowire.ConsumeTag(rest)
		if tag < 0 {
			return "", nil, fmt.Errorf("its extra data is damaged: %w", protowire.ParseError(tag))
		}
		if kind != protowire.BytesType {
			return "", nil, fmt.Errorf("its extra data is damaged: field %d is of type %d", number, kind)
		}
		value, n := protowire.ConsumeBytes(rest[tag:])
		if n < 0 {
			return "", nil, fmt.Errorf("its extra data is damaged: %w", protowire.ParseError(n))
		}
		switch number {
		case extraName:
			name = string(value)
		case extraEnvelope:
			envelope = value
		}
		rest = rest[tag+n:]
	}
	if !bytes.Equal(encodeExtra(name, envelope), extra) {
		return "", nil, errors.New("its extra data is damaged: it is not a package name and an envelope")
	}
	return name, envelope, checkName(leaf, name)
}

// checkName refuses a package name that is not that of the leaf's log.
func checkName(leaf protocol.LogLeaf, name string) error {
	if leaf.LogID == protocol.OperatorLogID() {
		if name != "" {
			return fmt.Errorf("its extra data gives a record of the operator log the package name %q", name)
		}
		return nil
	}
	parsed, err := protocol.ParsePackageName(name)
	if err != nil {
		return fmt.Errorf("its extra data: %w", err)
	}
	if parsed.LogID() != leaf.LogID {
		return fmt.Errorf("its extra data gives it the package name %s, which is that of log %s", parsed, parsed.LogID())
	}
	return nil
}
