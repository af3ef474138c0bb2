package tlog

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// MaxNote is the length in bytes of the longest note that is read: room for a body and
// for some hundred signatures, ML-DSA among them.
const MaxNote = 512 << 10

// TreeHead is what a note says of a log.
type TreeHead struct {
	Origin string
	Size   uint64        // number of leaves
	Root   protocol.Hash // RFC 6962 Merkle tree hash of those leaves
}

// Body returns the text that is signed: origin, size in decimal and root in base64, a
// line each. Source: tlog-checkpoint, "Note text". There are no extension lines.
func (h TreeHead) Body() []byte {
	return log.Checkpoint{Origin: h.Origin, Size: h.Size, Hash: h.Root[:]}.Marshal()
}

// ParseTreeHead reads the body of a note. Extension lines are ignored, as
// tlog-checkpoint demands of clients; the three lines must be as [TreeHead.Body]
// writes them.
func ParseTreeHead(body []byte) (TreeHead, error) {
	var c log.Checkpoint
	if _, err := c.Unmarshal(body); err != nil {
		return TreeHead{}, err
	}
	if len(c.Hash) != protocol.HashSize {
		return TreeHead{}, fmt.Errorf("the root hash of the note has %d bytes, not %d", len(c.Hash), protocol.HashSize)
	}
	head := TreeHead{Origin: c.Origin, Size: c.Size, Root: protocol.Hash(c.Hash)}
	if !bytes.HasPrefix(body, head.Body()) {
		return TreeHead{}, errors.New("the lines of the note are not written as tlog-checkpoint says: a size without leading zeros, a root in standard base64")
	}
	return head, nil
}

// Open returns the tree head of a signed note after it has verified that the log with
// an origin, whose key v is, has signed it. Signatures by others are not looked at. A
// wrong signature by v is an error.
func Open(signed []byte, origin string, v note.Verifier) (TreeHead, error) {
	if len(signed) > MaxNote {
		return TreeHead{}, fmt.Errorf("the note has %d bytes; %d are allowed", len(signed), MaxNote)
	}
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return TreeHead{}, fmt.Errorf("the note is not signed by %s: %w", v.Name(), err)
	}
	head, err := ParseTreeHead([]byte(n.Text))
	if err != nil {
		return TreeHead{}, err
	}
	if head.Origin != origin {
		return TreeHead{}, fmt.Errorf("the note is that of the log %q, not of %q", head.Origin, origin)
	}
	return head, nil
}

// originForm is a host, perhaps a port, and perhaps path segments that are more than dots.
var originForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~-]*[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$`)

// CheckOrigin refuses what cannot be a registry's origin: it is the beginning of two
// key names (signed-note: not empty, no space, no plus sign) and should be a host name
// with a path perhaps, without a scheme (tlog-tiles).
func CheckOrigin(origin string) error {
	switch {
	case origin == "":
		return errors.New("an origin must not be empty")
	case len(origin) > 200:
		return fmt.Errorf("an origin of %d bytes is too long; 200 are allowed", len(origin))
	case strings.Contains(origin, "://"):
		return fmt.Errorf("the origin %q has a scheme; give it without, such as registry.example.com", origin)
	case strings.HasPrefix(origin, "/"), strings.HasSuffix(origin, "/"):
		return fmt.Errorf("the origin %q begins or ends with a slash", origin)
	}
	if !originForm.MatchString(origin) {
		return fmt.Errorf("%q is not the origin of a registry: give the host at which it is served, with a port and a path perhaps, such as registry.example.com or example.com/warg", origin)
	}
	return nil
}

// HeadOf returns the tree head of a signed note without verifying a signature: for
// notes of one's own.
func HeadOf(signed []byte) (TreeHead, error) {
	body, _, found := bytes.Cut(signed, []byte("\n\n"))
	if !found {
		return TreeHead{}, errors.New("a note without an empty line before its signatures")
	}
	return ParseTreeHead(append(bytes.Clone(body), '\n'))
}
