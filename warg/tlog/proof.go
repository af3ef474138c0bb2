package tlog

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	merkle "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const proofHeader = "c2sp.org/tlog-proof@v1"

// maxPath is the length of the longest inclusion proof: a log has fewer than 2^64
// leaves.
const maxPath = 64

// Proof is a proof that an entry is in a log, which travels with what it is about.
// Files of it end with ".tlog-proof". Source: c2sp.org/tlog-proof.
type Proof struct {
	// Extra is whatever the application has put there; nil for nothing. Nothing
	// authenticates it.
	Extra []byte
	Index uint64          // of the entry
	Path  []protocol.Hash // the inclusion proof of RFC 6962 section 2.1.1
	Note  []byte          // the signed tree head that the proof leads to
}

// Encode returns the proof as text.
func (p Proof) Encode() []byte {
	const line = 45 // of a hash in base64
	b := make([]byte, 0, len(proofHeader)+base64.StdEncoding.EncodedLen(len(p.Extra))+len(p.Path)*line+len(p.Note)+64)
	b = append(b, proofHeader+"\n"...)
	if p.Extra != nil {
		b = append(base64.StdEncoding.AppendEncode(append(b, "extra "...), p.Extra), '\n')
	}
	b = fmt.Appendf(b, "index %d\n", p.Index)
	for i := range p.Path {
		b = append(base64.StdEncoding.AppendEncode(b, p.Path[i][:]), '\n')
	}
	return append(append(b, '\n'), p.Note...)
}

// ParseProof is the inverse of [Proof.Encode], and refuses what Encode does not write.
// (The parser of package formats refuses lines of more than 64 KiB, and extra data may
// be longer.)
func ParseProof(text []byte) (Proof, error) {
	var p Proof
	lines := bytes.SplitAfterN(text, []byte("\n"), 5+maxPath)
	if len(lines) < 3 || string(lines[0]) != proofHeader+"\n" {
		return p, fmt.Errorf("it does not begin with the line %q: no proof of C2SP tlog-proof", proofHeader)
	}
	at := len(lines[0])
	lines = lines[1:]
	if extra, ok := bytes.CutPrefix(lines[0], []byte("extra ")); ok {
		var err error
		if p.Extra, err = base64.StdEncoding.DecodeString(string(bytes.TrimSuffix(extra, []byte("\n")))); err != nil {
			return p, errors.New("its extra line is not in base64")
		}
		at += len(lines[0])
		lines = lines[1:]
	}
	index, ok := bytes.CutPrefix(lines[0], []byte("index "))
	n, err := strconv.ParseUint(string(bytes.TrimSuffix(index, []byte("\n"))), 10, 64)
	if !ok || err != nil {
		return p, errors.New("it has no index line")
	}
	p.Index = n
	at += len(lines[0])
	for _, line := range lines[1:] {
		at += len(line)
		if string(line) == "\n" {
			p.Note = text[at:]
			if !bytes.Equal(p.Encode(), text) {
				return p, errors.New("its lines are not written as tlog-proof says")
			}
			return p, nil
		}
		hash, err := base64.StdEncoding.DecodeString(string(bytes.TrimSuffix(line, []byte("\n"))))
		if err != nil || len(hash) != protocol.HashSize || len(p.Path) == maxPath {
			return p, fmt.Errorf("line %d of its hashes is not a hash of 32 bytes in base64, or one too many", len(p.Path)+1)
		}
		p.Path = append(p.Path, protocol.Hash(hash))
	}
	return p, errors.New("it is cut off: an empty line and the checkpoint are missing")
}

// VerifyEntry demands that the entry stands at the proof's index in the log of a tree
// head, which is that of the proof's note and was verified.
func (p Proof) VerifyEntry(entry []byte, head TreeHead) error {
	path := make([][]byte, len(p.Path))
	for i, h := range p.Path {
		path[i] = h[:]
	}
	err := merkle.VerifyInclusion(rfc6962.DefaultHasher, p.Index, head.Size, rfc6962.DefaultHasher.HashLeaf(entry), path, head.Root[:])
	if err != nil {
		return fmt.Errorf("the entry is not proved to be at index %d of the log %s with %d leaves: %w", p.Index, head.Origin, head.Size, err)
	}
	return nil
}
