package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// maxSigned bounds a bundle of signed checkpoints, in bytes.
const maxSigned = tlog.TileWidth * 4096

// followLogged takes over the checkpoints that the upstream's checkpoints log has behind
// those that are here, in their order, each as it was signed. So the mirror has the map and
// the proofs as of each, and the same checkpoints log. It ends with the newest that is
// logged by now, which may be before target.
func (m *Mirror) followLogged(ctx context.Context, operator *client.Operator, target protocol.SignedCheckpoint, source publisher.MirrorSource) error {
	size, err := m.loggedSize(ctx)
	if err != nil {
		return err
	}
	for {
		have, _ := m.writer.Logged()
		if have >= size {
			return nil
		}
		signed, err := m.signedCheckpoints(ctx, have, size)
		if err != nil {
			return err
		}
		newer := slices.IndexFunc(signed, func(c protocol.SignedCheckpoint) bool { return c.Contents.LogLength > target.Contents.LogLength })
		if newer >= 0 {
			signed = signed[:newer] // what was not verified is for the next round
		}
		all, err := m.followThese(ctx, operator, target, signed, source)
		if err != nil || !all || newer >= 0 {
			return err
		}
	}
}

// followThese takes over checkpoints in their order; all is false if another process of this
// registry is further.
func (m *Mirror) followThese(ctx context.Context, operator *client.Operator, target protocol.SignedCheckpoint, signed []protocol.SignedCheckpoint, source publisher.MirrorSource) (all bool, err error) {
	known := 0 // of these, whose signers are
	for known < len(signed) && err == nil {
		if err = knownSigner(operator, signed[known]); err == nil {
			known++
		}
	}
	for next := signed[:known]; len(next) > 0; {
		n, err := m.writer.FollowLogged(ctx, next, source, func(done, _ uint64) { m.state.progress(done, target.Contents.LogLength) })
		if err != nil {
			return false, err
		}
		if n == 0 || m.writer.Newest().Contents.Checkpoint != next[n-1].Contents.Checkpoint {
			return false, nil
		}
		next = next[n:]
	}
	return true, err
}

// loggedSize is how many leaves the upstream's checkpoints log has, by its note. Nothing
// hangs on it: the leaves are compared with a note when all are here.
func (m *Mirror) loggedSize(ctx context.Context) (uint64, error) {
	text, err := m.up.get(ctx, tlog.Checkpoints.Path()+"/"+tlog.CheckpointPath, tlog.MaxNote)
	if err != nil {
		return 0, err
	}
	head, err := tlog.HeadOf(text)
	if err != nil {
		return 0, &publisher.UntrueError{Claim: "note", Err: fmt.Errorf("the note of its checkpoints log: %w", err)}
	}
	return head.Size, nil
}

// signedCheckpoints reads the signed checkpoints of a bundle, from a leaf on, of a log of
// some size.
func (m *Mirror) signedCheckpoints(ctx context.Context, from, size uint64) ([]protocol.SignedCheckpoint, error) {
	n := from / tlog.TileWidth
	f := tlog.File{Kind: tlog.Signed, Index: n, Width: tlog.Width(0, n, size)}
	path := tlog.Checkpoints.Path() + "/" + f.Path()
	text, err := m.up.get(ctx, path, maxSigned)
	if err != nil {
		return nil, err
	}
	texts, err := tlog.ParseEntries(text, f.Width)
	if err == nil && len(texts) != f.Width {
		err = fmt.Errorf("it has %d checkpoints, and not %d", len(texts), f.Width)
	}
	signed := make([]protocol.SignedCheckpoint, len(texts))
	for i := range signed {
		if err == nil {
			err = signed[i].UnmarshalJSON(texts[i])
		}
	}
	if err != nil {
		return nil, &publisher.UntrueError{Claim: "checkpoint", Err: fmt.Errorf("%s: %w", path, err)}
	}
	return signed[from%tlog.TileWidth:], nil
}

// knownSigner demands that a key that the operator log has, or had, signed a checkpoint.
// Whether it might as of the checkpoint, the publisher finds out.
func knownSigner(operator *client.Operator, c protocol.SignedCheckpoint) error {
	for id, key := range operator.Keys() {
		if id == c.KeyID {
			if err := c.Verify(key.Public); err != nil {
				return &publisher.UntrueError{Claim: "signature", Err: fmt.Errorf("the checkpoint of %d records: %w", c.Contents.LogLength, err)}
			}
			return nil
		}
	}
	return &publisher.UntrueError{Claim: "signature", Err: fmt.Errorf("the checkpoint of %d records is signed by key %s, which the operator log does not have", c.Contents.LogLength, c.KeyID)}
}

// logsCheckpoints tells whether the upstream gives its checkpoints as they were signed, and
// the mirror has all of them so far.
func (m *Mirror) logsCheckpoints(ctx context.Context) (bool, error) {
	if _, complete := m.writer.Logged(); !complete {
		return false, nil // it began with an upstream that did not
	}
	f := tlog.File{Kind: tlog.Signed, Index: 0, Width: 1}
	_, err := m.up.get(ctx, tlog.Checkpoints.Path()+"/"+f.Path(), maxSigned)
	if errors.Is(err, errAbsent) {
		return false, nil
	}
	return err == nil, err
}
