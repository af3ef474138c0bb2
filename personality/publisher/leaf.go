package publisher

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// newLeaf makes the leaf of a record. Its value is warg's encoding of (log id, record
// id), so that the log's root is warg's; its extra data is all that it takes to
// rebuild the registry's database.
func newLeaf(leaf protocol.LogLeaf, name string, envelope []byte) follow.Leaf {
	return follow.Leaf{Value: leaf.Encode(), ExtraData: protocol.EncodeLeafData(name, envelope)}
}

// readExtra reads the extra data of a leaf. The Merkle tree does not cover it, so it
// is refused unless it is what [newLeaf] writes, with a name that is that of the
// leaf's log. Whether the envelope is the record's the caller has to find out.
func readExtra(leaf protocol.LogLeaf, extra []byte) (name string, envelope []byte, err error) {
	name, envelope, err = protocol.ParseLeafData(extra)
	if err == nil && !bytes.Equal(protocol.EncodeLeafData(name, envelope), extra) {
		err = errors.New("it is not a package name and an envelope alone")
	}
	if err != nil {
		return "", nil, fmt.Errorf("its extra data is damaged: %w", err)
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
