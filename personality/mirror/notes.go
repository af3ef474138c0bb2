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
// records log: a key a line, as they were met first. Nobody vouches for them but that every
// log that they sign is the one of the checkpoints, which the operator signs.
const keysKey = "upstream note keys"

const maxKeys = 64 << 10

// loadNote reads which note is here.
func (m *Mirror) loadNote(ctx context.Context) error {
	keys, err := m.NoteKeys(ctx, tlog.Records)
	if _, none := errors.AsType[*registry.NoNoteError](err); err != nil && !none {
		return err
	}
	m.noteKeys = string(keys)
	return m.options.Store.View(ctx, func(tx *store.Tx) error {
		note, err := tx.SignedNote(tlog.Records)
		m.noteSize = note.Size
		return err
	})
}

// noted tells whether the upstream had notes when it was last asked.
func (m *Mirror) noted() bool { return m.noteKeys != "" }

// noteBehind tells whether the note that is here is older than what is published.
func (m *Mirror) noteBehind() bool {
	return m.noted() && m.noteSize < m.writer.Newest().Contents.LogLength
}

// NoteKeys implements [httpapi.NoteKeys].
func (m *Mirror) NoteKeys(ctx context.Context, log tlog.Log) ([]byte, error) {
	var keys []byte
	err := m.options.Store.View(ctx, func(tx *store.Tx) (err error) {
		if keys, err = tx.Meta(keysKey); errors.Is(err, store.ErrNotFound) {
			keys, err = nil, nil
		}
		return err
	})
	if err == nil && (len(keys) == 0 || log != tlog.Records) {
		err = &registry.NoNoteError{Log: string(log)}
	}
	return keys, err
}

// meetKeys returns the keys that are known, or takes those that the upstream gives.
func (m *Mirror) meetKeys(ctx context.Context) ([]note.Verifier, error) {
	if m.noteKeys == "" {
		text, err := m.up.get(ctx, tlog.Records.Path()+"/"+mirror.VKeysPath, maxKeys)
		if err != nil {
			return nil, err
		}
		m.noteKeys = string(text)
	}
	keys, err := mirror.KeysOf(tlog.Records, strings.Split(strings.TrimSpace(m.noteKeys), "\n"))
	if err == nil && len(keys) == 0 {
		err = errors.New("the upstream gives no public key of its notes")
	}
	if err != nil {
		m.noteKeys = ""
	}
	return keys, err
}

// followNote takes over the upstream's note of the records log, as soon as it is of what is
// published here.
func (m *Mirror) followNote(ctx context.Context) error {
	keys, err := m.meetKeys(ctx)
	if err != nil {
		return err
	}
	text, err := m.up.get(ctx, tlog.Records.Path()+"/"+tlog.CheckpointPath, tlog.MaxNote)
	if errors.Is(err, errAbsent) {
		return nil
	}
	if err != nil {
		return err
	}
	head, err := openNote(text, keys)
	if err != nil {
		return &publisher.UntrueError{Claim: "note", Err: fmt.Errorf("the note of its records log: %w", err)}
	}
	taken, err := m.writer.TakeNote(ctx, head, text)
	if err != nil || !taken {
		return err
	}
	m.noteSize = head.Size
	return m.options.Store.Update(ctx, func(tx *store.Tx) error { return tx.ReplaceMeta(keysKey, []byte(m.noteKeys)) })
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
