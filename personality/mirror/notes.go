package mirror

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/mirror"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// keysKey is the name in the mirror's database of the public note keys of an upstream's
// log: a key a line, as they were met first. Nobody vouches for them but that every log that
// they sign is the one of the checkpoints, which the operator signs.
func keysKey(log tlog.Log) string { return "upstream " + string(log) + " note keys" }

const maxKeys = 64 << 10

// upstreamNote is what is here of the notes of a log.
type upstreamNote struct {
	keys string // a key a line; "" while none are known
	none bool   // the upstream has none, as it said last
	size uint64 // of the note that is here
}

// loadNotes reads which notes are here.
func (m *Mirror) loadNotes(ctx context.Context) error {
	for log, n := range m.notes {
		keys, err := m.NoteKeys(ctx, log)
		if _, none := errors.AsType[*registry.NoNoteError](err); err != nil && !none {
			return err
		}
		n.keys = string(keys)
		err = m.options.Store.View(ctx, func(tx *store.Tx) error {
			note, err := tx.SignedNote(log)
			n.size = note.Size
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// noteBehind tells whether the note of a log that is here is older than the log.
func (m *Mirror) noteBehind() bool {
	checkpoints, complete := m.writer.Logged()
	return m.notes[tlog.Records].behind(m.writer.Newest().Contents.LogLength) || complete && m.notes[tlog.Checkpoints].behind(checkpoints)
}

func (n *upstreamNote) behind(size uint64) bool { return !n.none && n.size < size }

// NoteKeys implements [httpapi.NoteKeys].
func (m *Mirror) NoteKeys(ctx context.Context, log tlog.Log) ([]byte, error) {
	var keys []byte
	err := m.options.Store.View(ctx, func(tx *store.Tx) (err error) {
		if keys, err = tx.Meta(keysKey(log)); errors.Is(err, store.ErrNotFound) {
			keys, err = nil, nil
		}
		return err
	})
	if err == nil && len(keys) == 0 {
		err = &registry.NoNoteError{Log: string(log)}
	}
	return keys, err
}

// meetKeys returns the keys of a log that are known, or those that the upstream gives, with their
// text. They are known once a note by one of them is here.
func (m *Mirror) meetKeys(ctx context.Context, log tlog.Log) (keys []note.Verifier, text string, err error) {
	if text = m.notes[log].keys; text == "" {
		given, err := m.up.get(ctx, log.Path()+"/"+mirror.VKeysPath, maxKeys)
		if err != nil {
			return nil, "", err
		}
		text = string(given)
	}
	keys, err = mirror.KeysOf(log, strings.Split(strings.TrimSpace(text), "\n"))
	if err == nil && len(keys) == 0 {
		err = errors.New("the upstream gives no public key of its notes")
	}
	return keys, text, err
}

// followNotes takes over the upstream's notes of both logs, as soon as they are of what is
// published here: of the checkpoints log only if all of that is here.
func (m *Mirror) followNotes(ctx context.Context) error {
	if err := m.followNote(ctx, tlog.Records, m.writer.Newest().Contents.LogLength); err != nil {
		return err
	}
	checkpoints, complete := m.writer.Logged()
	if !complete || checkpoints == 0 {
		return nil
	}
	return m.followNote(ctx, tlog.Checkpoints, checkpoints)
}

// followNote takes over a note, unless that of a size is here.
func (m *Mirror) followNote(ctx context.Context, log tlog.Log, size uint64) error {
	n := m.notes[log]
	if n.size >= size {
		return nil
	}
	keys, known, err := m.meetKeys(ctx, log)
	if n.none = errors.Is(err, errAbsent); n.none {
		return nil
	}
	if err != nil {
		return err
	}
	text, err := m.up.get(ctx, log.Path()+"/"+tlog.CheckpointPath, tlog.MaxNote)
	if n.none = errors.Is(err, errAbsent); n.none {
		return nil
	}
	if err != nil {
		return err
	}
	head, err := openNote(text, keys)
	if err != nil {
		return &publisher.UntrueError{Claim: "note", Err: fmt.Errorf("the note of its %s log: %w", log, err)}
	}
	taken, err := m.writer.TakeNote(ctx, log, head, text)
	if err != nil || !taken {
		return err
	}
	n.size, n.keys = head.Size, known
	return m.options.Store.Update(ctx, func(tx *store.Tx) error { return tx.ReplaceMeta(keysKey(log), []byte(n.keys)) })
}

// openNote returns the tree head of a note that one of the keys has signed.
func openNote(text []byte, keys []note.Verifier) (head tlog.TreeHead, err error) {
	for _, key := range keys {
		if head, err = tlog.Open(text, key.Name(), key); err == nil {
			return head, nil
		}
	}
	return head, err
}
