package withheld

import (
	"bufio"
	"bytes"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// File is where a copy of a registry as static files has its statements, relative to its
// URL or folder: a [Signed] in JSON a line, from the first on. A registry has the same in its
// data folder, and its operator's commands write it and take it.
const File = "withheld.jsonl"

// maxLine is the length of the longest line of such a file in bytes: texts may be escaped.
const maxLine = 16 << 10

// AppendFile appends statements as a file has them.
func AppendFile(b []byte, statements []Signed) []byte {
	for _, s := range statements {
		b = append(s.AppendJSON(b), '\n')
	}
	return b
}

// ParseFile is the inverse of AppendFile. Nothing is verified.
func ParseFile(text []byte) (all []Signed, err error) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var s Signed
		if err := s.UnmarshalJSON(lines.Bytes()); err != nil {
			return all, fmt.Errorf("line %d: %w", len(all)+1, err)
		}
		all = append(all, s)
	}
	if err := lines.Err(); err != nil {
		return all, fmt.Errorf("line %d: %w", len(all)+1, err)
	}
	return all, nil
}

// Verify verifies all statements of a registry, from the first on. The error is a
// [*ListError]; the chain is then that of those before.
func Verify(origin protocol.Hash, keys Keys, statements []Signed) (*Chain, error) {
	chain := NewChain(origin)
	_, err := chain.appendAll(statements, keys)
	return chain, err
}
