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

// scanHashes reads a column of hashes that stand one after the other.
func scanHashes(dst *[]protocol.Hash) hashesColumn { return hashesColumn{dst} }

type hashesColumn struct{ dst *[]protocol.Hash }

// Scan implements [database/sql.Scanner].
func (c hashesColumn) Scan(value any) error {
	b, ok := value.([]byte)
	if !ok || len(b)%protocol.HashSize != 0 {
		return fmt.Errorf("hashes of %d bytes (%T) are stored, want %d for each", len(b), value, protocol.HashSize)
	}
	*c.dst = nil
	for ; len(b) > 0; b = b[protocol.HashSize:] {
		*c.dst = append(*c.dst, protocol.Hash(b[:protocol.HashSize]))
	}
	return nil
}

// joinHashes is what [scanHashes] reads.
func joinHashes(hashes []protocol.Hash) []byte {
	joined := make([]byte, 0, len(hashes)*protocol.HashSize)
	for i := range hashes {
		joined = append(joined, hashes[i][:]...)
	}
	return joined
}
