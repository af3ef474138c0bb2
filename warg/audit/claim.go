package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// claim is a tree head as the registry stated it: one of the three.
type claim struct {
	// Note is a note of either log, and VKeys the keys that it was verified with;
	// without one its signature was not checked.
	Note  []byte   `json:"note,omitempty"`
	VKeys []string `json:"vkeys,omitempty"`
	// Checkpoint is a signed checkpoint of the v1 API (JSON), and Key the public key of
	// the operator log that signed it.
	Checkpoint json.RawMessage `json:"checkpoint,omitempty"`
	Key        string          `json:"key,omitempty"`
	// Tie shows that Key is one of the operator of the log, where other statements are
	// beside the checkpoint.
	Tie *operatorTie `json:"tie,omitempty"`
	// Logged is an entry of the checkpoints log.
	Logged *logged `json:"logged,omitempty"`
}

// logged is an entry that a note of the checkpoints log has below it.
type logged struct {
	Entry []byte          `json:"entry"`
	Index uint64          `json:"index"`
	Path  []protocol.Hash `json:"path"`
	Head  claim           `json:"head"`
}

// treeClaim is what a claim says, once it was verified that the registry said it.
type treeClaim struct {
	Log     tlog.Log
	Size    uint64
	Root    protocol.Hash
	MapRoot *protocol.Hash // of a checkpoint
	Time    uint64         // of a signed checkpoint: seconds since 1970
	Signed  bool
	Keys    []string

	// Registry is what the origins of its logs begin with; "" of a signed checkpoint
	// without a tie. NoteKeys signed the note of NoteLog that says so.
	Registry string
	NoteLog  tlog.Log
	NoteKeys []string
	Operator string // the key of a signed checkpoint
	empty    bool   // the empty log, which nobody states
}

func (t treeClaim) checkpoint() protocol.Checkpoint {
	return protocol.Checkpoint{LogRoot: t.Root, LogLength: t.Size, MapRoot: *t.MapRoot}
}

// read verifies a claim.
func (c claim) read() (treeClaim, error) {
	switch {
	case c.Note != nil && c.Checkpoint == nil && c.Logged == nil:
		return c.readNote()
	case c.Checkpoint != nil && c.Note == nil && c.Logged == nil:
		return c.readCheckpoint()
	case c.Logged != nil && c.Note == nil && c.Checkpoint == nil:
		checkpoint, head, err := c.Logged.read()
		return treeClaim{
			Log: tlog.Records, Size: checkpoint.LogLength, Root: checkpoint.LogRoot, MapRoot: &checkpoint.MapRoot,
			Signed: head.Signed, Keys: head.Keys, Registry: head.Registry, NoteLog: head.NoteLog, NoteKeys: head.NoteKeys,
		}, err
	}
	return treeClaim{}, errors.New("a claim must be a note, a checkpoint or an entry of the checkpoints log")
}

func (c claim) readNote() (t treeClaim, err error) {
	var head tlog.TreeHead
	for _, vkey := range c.VKeys {
		v, err := tlog.NewVerifier(vkey)
		if err != nil {
			return t, err
		}
		if head, err = tlog.Open(c.Note, v.Name(), v); err != nil {
			return t, err
		}
		t.Signed, t.Keys = true, append(t.Keys, vkey)
	}
	if !t.Signed {
		if head, err = tlog.ParseTreeHead(noteBody(c.Note)); err != nil {
			return t, err
		}
	}
	t.Size, t.Root = head.Size, head.Root
	t.Log, err = logOfOrigin(head.Origin)
	t.Registry, t.NoteLog, t.NoteKeys = registryOf(head.Origin), t.Log, t.Keys
	return t, err
}

// registryOf is the part of an origin that both logs of a registry have in common.
func registryOf(origin string) string {
	for _, log := range tlog.Logs {
		origin = strings.TrimSuffix(origin, "/"+log.Path())
	}
	return origin
}

// noteBody is the text of a note without its signatures.
func noteBody(note []byte) []byte {
	body, _, found := strings.Cut(string(note), "\n\n")
	if !found {
		return note
	}
	return []byte(body + "\n")
}

// logOfOrigin tells which log has an origin.
func logOfOrigin(origin string) (tlog.Log, error) {
	for _, log := range tlog.Logs {
		if strings.HasSuffix(origin, "/"+log.Path()) {
			return log, nil
		}
	}
	return "", fmt.Errorf("the origin %q is not one of a registry's logs: it must end with /%s or /%s", origin, tlog.Records.Path(), tlog.Checkpoints.Path())
}

func (c claim) readCheckpoint() (t treeClaim, err error) {
	signed, err := c.signedCheckpoint()
	if err != nil {
		return t, err
	}
	t = treeClaim{
		Log: tlog.Records, Size: signed.Contents.LogLength, Root: signed.Contents.LogRoot, MapRoot: &signed.Contents.MapRoot,
		Time: signed.Contents.Timestamp,
	}
	if c.Key == "" {
		return t, nil
	}
	key, err := protocol.ParsePublicKey(c.Key)
	if err != nil {
		return t, err
	}
	if err := signed.Verify(key); err != nil {
		return t, fmt.Errorf("the checkpoint is not signed by %s: %w", c.Key, err)
	}
	t.Signed, t.Keys, t.Operator = true, []string{key.String()}, key.String()
	if c.Tie == nil {
		return t, nil
	}
	head, err := c.Tie.verify(key)
	t.Registry, t.NoteLog, t.NoteKeys = head.Registry, head.NoteLog, head.NoteKeys
	t.Signed, t.Keys = head.Signed, append(t.Keys, head.Keys...)
	return t, err
}

func (c claim) signedCheckpoint() (signed protocol.SignedCheckpoint, err error) {
	if err := signed.UnmarshalJSON(c.Checkpoint); err != nil {
		return signed, fmt.Errorf("the checkpoint can not be read: %w", err)
	}
	return signed, nil
}

// read verifies that the entry is in the checkpoints log, and what it says.
func (l logged) read() (c protocol.Checkpoint, head treeClaim, err error) {
	if head, err = l.inLog(); err != nil {
		return c, head, err
	}
	c, err = parseCheckpointEntry(l.Entry)
	return c, head, err
}

// inLog verifies that the entry is in the checkpoints log.
func (l logged) inLog() (treeClaim, error) {
	if l.Head.Note == nil {
		return treeClaim{}, errors.New("an entry of the checkpoints log needs a note of it")
	}
	head, err := l.Head.read()
	if err != nil {
		return head, err
	}
	if head.Log != tlog.Checkpoints {
		return head, errors.New("the note is not one of the checkpoints log")
	}
	return head, verifyNode(0, l.Index, leafHash(l.Entry), l.Path, head.Size, head.Root)
}

// parseCheckpointEntry is the inverse of [protocol.Checkpoint.Encode]; it refuses what
// Encode does not write.
func parseCheckpointEntry(entry []byte) (c protocol.Checkpoint, err error) {
	bad := errors.New("an entry of the checkpoints log is not the encoding of a checkpoint")
	const tag = "WARG-CHECKPOINT-V0"
	rest, ok := strings.CutPrefix(string(entry), tag)
	if !ok {
		return c, bad
	}
	length, rest, ok := cutNumber(rest)
	if !ok {
		return c, bad
	}
	c.LogLength = length
	for _, root := range []*protocol.Hash{&c.LogRoot, &c.MapRoot} {
		n, after, ok := cutNumber(rest)
		if !ok || n > uint64(len(after)) {
			return c, bad
		}
		if *root, err = protocol.ParseHash(after[:n]); err != nil {
			return c, bad
		}
		rest = after[n:]
	}
	if string(c.Encode()) != string(entry) {
		return c, bad
	}
	return c, nil
}

// cutNumber cuts an unsigned LEB128 number off.
func cutNumber(s string) (n uint64, rest string, ok bool) {
	for i := 0; i < len(s) && i < 10; i++ {
		n |= uint64(s[i]&0x7f) << (7 * i)
		if s[i] < 0x80 {
			return n, s[i+1:], true
		}
	}
	return 0, s, false
}
