package store

import (
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// hashColumn reads a column of 32 bytes; any other length is an error.
type hashColumn struct{ dst *protocol.Hash }

func scanHash(dst *protocol.Hash) hashColumn { return hashColumn{dst} }

// Scan implements [database/sql.Scanner].
func (c hashColumn) Scan(value any) error {
	b, ok := value.([]byte)
	if !ok || len(b) != protocol.HashSize {
		return fmt.Errorf("a hash of %d bytes (%T) is stored, want %d", len(b), value, protocol.HashSize)
	}
	*c.dst = protocol.Hash(b)
	return nil
}

// hashArgs makes arguments of a statement.
func hashArgs(hashes []protocol.Hash) []any {
	args := make([]any, len(hashes))
	for i := range hashes {
		args[i] = hashes[i][:]
	}
	return args
}
