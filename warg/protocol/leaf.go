package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

const (
	logLeafTag = "WARG-LOG-LEAF-V0"
	mapLeafTag = "WARG-MAP-LEAF-V0"
	// RFC 6962 section 2.1: a leaf hash covers a zero byte and the leaf.
	leafHashPrefix = 0x00
)

// LogLeaf is an entry of the records log: the record that stands there and the
// log (of a package or the operator) to which it belongs.
type LogLeaf struct {
	LogID, RecordID Hash
}

// Encode returns the leaf's value in the tree: the tag "WARG-LOG-LEAF-V0" and
// both ids as text, 160 bytes.
func (l LogLeaf) Encode() []byte {
	b := make([]byte, 0, len(logLeafTag)+2*(1+len(hashPrefix)+2*HashSize))
	b = append(b, logLeafTag...)
	b = appendHash(b, l.LogID)
	return appendHash(b, l.RecordID)
}

// ParseLogLeaf is the inverse of [LogLeaf.Encode]; it refuses everything that
// Encode does not write.
func ParseLogLeaf(b []byte) (LogLeaf, error) {
	rest, ok := strings.CutPrefix(string(b), logLeafTag)
	if !ok {
		return LogLeaf{}, fmt.Errorf("log leaf does not begin with %q", logLeafTag)
	}
	var l LogLeaf
	for _, id := range []*Hash{&l.LogID, &l.RecordID} {
		text, after, err := cutString(rest)
		if err != nil {
			return LogLeaf{}, fmt.Errorf("log leaf: %w", err)
		}
		if *id, err = ParseHash(text); err != nil {
			return LogLeaf{}, fmt.Errorf("log leaf: %w", err)
		}
		rest = after
	}
	if rest != "" {
		return LogLeaf{}, fmt.Errorf("log leaf has %d bytes too many", len(rest))
	}
	return l, nil
}

// cutString splits off text as written by [AppendString], if its length takes
// one byte.
func cutString(b string) (text, rest string, err error) {
	if b == "" || b[0] >= 0x80 || len(b)-1 < int(b[0]) {
		return "", "", errors.New("text is cut off or longer than 127 bytes")
	}
	n := 1 + int(b[0])
	return b[1:n], b[n:], nil
}

// Hash returns the leaf hash, as in RFC 6962 section 2.1.
func (l LogLeaf) Hash() Hash {
	return HashOf([]byte{leafHashPrefix}, l.Encode())
}

// MapKey returns the path of a log in the map: the hash of the 32 raw bytes of
// its id. The top bit of the first byte is the step below the root; 0 is left.
func MapKey(logID Hash) Hash {
	return HashOf(logID[:])
}

// MapLeafHash returns the hash of the map's leaf for a log whose head is the
// given record.
func MapLeafHash(recordID Hash) Hash {
	b := binary.AppendUvarint(append([]byte{leafHashPrefix}, mapLeafTag...), uint64(len(hashPrefix)+2*HashSize))
	return HashOf(append(b, recordID.String()...))
}
