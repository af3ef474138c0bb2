package personality

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/warg-trillian/warg-trillian/personality/federation"
	"github.com/warg-trillian/warg-trillian/personality/signing"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/personality/witness"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// PromoteOptions say what a standby is to make sure of before it becomes the registry.
type PromoteOptions struct {
	// Old is the address of the registry that it takes the place of: URL, and a token if it
	// is private. It must not answer any more.
	Old federation.Registry
	// OldDataDir is the data folder of that registry, if it is at hand: what was
	// acknowledged there, and is not in the standby, is named. Only for one with SQLite.
	OldDataDir string
	// Lose goes on although somebody has seen more than the standby holds, or it is not
	// known whether anybody has.
	Lose bool
}

// Promoted is what became of a promotion.
type Promoted struct {
	Records uint64 // that the registry has
	// Doubts are why it would have been refused without [PromoteOptions.Lose].
	Doubts []string
	// Lost are records that the old registry had acknowledged and the standby does not
	// hold; nil if its data folder was not given.
	Lost []store.UnpublishedRecord
}

// maxLost bounds what is named of what is lost.
const maxLost = 100_000

// RefusedError says that a standby was not promoted, since somebody has seen more than it
// holds, or may have: to go on would take back what was published.
type RefusedError struct{ Doubts []string }

func (e *RefusedError) Error() string {
	return "the standby was not promoted: " + strings.Join(e.Doubts, "; ")
}

// Keys under which the database keeps a promotion that is under way: the trees.
const (
	promotingKey        = "promoting"
	promotedCheckpoints = "mirror checkpoints tree"
)

// Promote makes the standby in a data folder the registry. The operator key and the note keys
// of the registry must be there, as for [Open]. It may be interrupted and called again.
//
// Before anything is changed it asks the old address, and the witnesses of the policy, for
// anything newer than the standby holds: a [*RefusedError] if there is, or if it cannot be
// known. Nothing that was published, and that the standby holds, is lost.
func Promote(ctx context.Context, o Options, p PromoteOptions) (done Promoted, err error) {
	o.Metrics = nil
	if err := promoteMirror(ctx, o.complete(), p, &done); err != nil {
		return done, err
	}
	// What the standby had taken in behind its newest checkpoint is read from the log, and
	// signed here.
	return done, Rebuild(ctx, o, func(records, _ uint64) { done.Records = records })
}

func promoteMirror(ctx context.Context, o Options, p PromoteOptions, done *Promoted) (err error) {
	s := &Server{options: o}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.lockDataDir(); err != nil {
		return err
	}
	db, err := o.Database.Open(ctx, o.Logger)
	if err != nil {
		return err
	}
	key, promoting, err := promotion(ctx, db)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if len(key) == 0 {
		return errors.New("the data folder is that of no standby: `warg-personality standby` makes one, and there is nothing to promote in a registry")
	}
	if !promoting {
		p.Old.OperatorKey, err = protocol.ParsePublicKey(key)
		if err != nil {
			return fmt.Errorf("the operator key in the standby's database: %w", err)
		}
		if err := s.preparePromotion(ctx, p, done); err != nil {
			return err
		}
	}
	return s.order(ctx)
}

// promotion reads of which registry a database is a mirror, by the key that its operator log
// begins with, and whether its promotion has begun.
func promotion(ctx context.Context, db *store.DB) (key string, promoting bool, err error) {
	err = db.View(ctx, func(tx *store.Tx) error {
		of, err := optional(tx.Meta(mirrorOfKey))
		if err != nil {
			return err
		}
		begun, err := optional(tx.Meta(promotingKey))
		key, promoting = string(of), len(begun) > 0
		return err
	})
	return key, promoting, err
}

// preparePromotion makes sure that nothing newer is known, fills the checkpoints log, and
// notes that the promotion has begun.
func (s *Server) preparePromotion(ctx context.Context, p PromoteOptions, done *Promoted) (err error) {
	p.Old.Domain = "old registry"
	p.Old.Own = true
	m, err := s.openStandby(ctx, p.Old, newMetrics(s.options.Metrics))
	if m != nil {
		defer func() { err = errors.Join(err, m.Close()) }()
	}
	if err != nil {
		return err
	}
	keys, err := s.promotionKeys(ctx, m)
	if err != nil {
		return err
	}
	if done.Doubts, err = s.doubts(ctx, m, p, keys); err != nil {
		return err
	}
	done.Records = m.Writer().Newest().Contents.LogLength
	if p.OldDataDir != "" {
		if done.Lost, err = lostIn(ctx, p.OldDataDir, m.Writer().Staged()); err != nil {
			return err
		}
	}
	if len(done.Doubts) > 0 && !p.Lose {
		return &RefusedError{done.Doubts}
	}
	checkpoints, err := openPreordered(ctx, m.service, m.db, checkpointsLogName, promotedCheckpoints)
	if err != nil {
		return err
	}
	if err := m.Writer().FillCheckpoints(ctx, checkpoints); err != nil {
		return err
	}
	if err := m.Writer().Unstage(ctx); err != nil {
		return err
	}
	return m.db.Update(ctx, func(tx *store.Tx) error { return tx.ReplaceMeta(promotingKey, []byte{1}) })
}

// promotionKeys demands the keys with which the registry goes on: an operator key that may
// sign checkpoints, and the note keys by which witnesses and auditors know the logs.
func (s *Server) promotionKeys(ctx context.Context, m *opened) (map[tlog.Log]*tlog.NoteKey, error) {
	permitted, err := m.Writer().Permitted(ctx)
	if err != nil {
		return nil, err
	}
	held := signing.New(s.options.OperatorKeys...)
	if _, ok := held.Newest(permitted); !ok {
		return nil, fmt.Errorf("none of the operator keys here (%v) may sign checkpoints of this registry; those may: %v. Give the registry's operator key with --operator-key-file", held.IDs(), permitted)
	}
	keys := map[tlog.Log]*tlog.NoteKey{}
	given := map[tlog.Log]string{tlog.Records: s.options.Notes.RecordsKeyFile, tlog.Checkpoints: s.options.Notes.CheckpointsKeyFile}
	for _, log := range tlog.Logs {
		path := given[log]
		if path == "" {
			path = NoteKeyFile(s.options.DataDir, log)
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is missing: copy the note key of the %s log from the registry, or from where copies of its keys are kept", path, log)
		}
		if err != nil {
			return nil, err
		}
		if keys[log], err = tlog.ParseNoteKey(string(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		known, err := m.NoteKeys(ctx, log)
		if err == nil && !slices.Contains(strings.Fields(string(known)), keys[log].VKeys()[0]) {
			return nil, fmt.Errorf("%s holds another key (%s) than the one by which the %s log of the registry is known (%s): put that one there", path, keys[log].VKeys()[0], log, strings.TrimSpace(string(known)))
		}
	}
	return keys, nil
}

// doubts are why there may be something newer than the standby holds.
func (s *Server) doubts(ctx context.Context, m *opened, p PromoteOptions, keys map[tlog.Log]*tlog.NoteKey) (doubts []string, err error) {
	ours := m.Writer().Newest().Contents
	if ours.LogLength == 0 {
		return nil, errors.New("the standby holds nothing yet: it has never caught up with its registry")
	}
	if _, complete := m.Writer().Logged(); !complete {
		return nil, errors.New("the standby has not taken over the checkpoints log up to its newest checkpoint: run it until it has, or, if the registry is gone, ask for help; the databases are as they were")
	}
	theirs, answers, err := m.AskNewest(ctx)
	switch {
	case err != nil:
		doubts = append(doubts, fmt.Sprintf("the old registry at %s answers, and not with a checkpoint: %v", p.Old.URL, err))
	case answers && theirs.LogLength > ours.LogLength:
		doubts = append(doubts, fmt.Sprintf("the old registry at %s has published %d records, and the standby holds %d: let the standby catch up first", p.Old.URL, theirs.LogLength, ours.LogLength))
	case answers:
		doubts = append(doubts, fmt.Sprintf("the old registry at %s still answers: stop it first, or it goes on publishing beside the new one", p.Old.URL))
	}
	more, err := s.askWitnesses(ctx, m, keys)
	return append(doubts, more...), err
}

// askWitnesses asks each witness of the policy for both logs.
func (s *Server) askWitnesses(ctx context.Context, m *opened, keys map[tlog.Log]*tlog.NoteKey) (doubts []string, err error) {
	if s.options.Witnesses.PolicyFile == "" {
		return nil, nil
	}
	policy, err := loadPolicy(s.options.Witnesses.PolicyFile)
	if err != nil {
		return nil, err
	}
	records, checkpoints, err := m.Writer().Base()
	if err != nil {
		return nil, err
	}
	for _, log := range tlog.Logs {
		root := records
		if log == tlog.Checkpoints {
			root = checkpoints
		}
		note, err := keys[log].Sign(tlog.TreeHead{Origin: keys[log].Name(), Size: root.Size, Root: root.Hash})
		if err != nil {
			return nil, err
		}
		for _, w := range policy.Witnesses() {
			if err := witness.AskNewest(ctx, http.DefaultClient, w, note, root.Size); err != nil {
				doubts = append(doubts, fmt.Sprintf("witness %s, about the %s log: %v", w.Name, log, err))
			}
		}
	}
	return doubts, nil
}

// order makes both logs of a standby ordered ones, and its database that of a registry.
func (s *Server) order(ctx context.Context) (err error) {
	o := s.options
	db, err := o.Database.Open(ctx, o.Logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	service, err := o.Trillian.service(ctx, s, o.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, service.Close()) }()
	trees := map[string]int64{}
	for key, as := range map[string]string{mirrorTreeKey: recordsTreeKey, promotedCheckpoints: checkpointsTreeKey} {
		if trees[as], err = keptTree(ctx, db, key); err != nil {
			return err
		}
		if err := orderTree(ctx, service, trees[as]); err != nil {
			return err
		}
	}
	return db.Update(ctx, func(tx *store.Tx) error {
		for key, id := range trees {
			if err := tx.ReplaceMeta(key, binary.BigEndian.AppendUint64(nil, uint64(id))); err != nil {
				return err
			}
		}
		for _, key := range []string{mirrorOfKey, mirrorTreeKey, promotedCheckpoints, promotingKey} {
			if err := tx.DropMeta(key); err != nil {
				return err
			}
		}
		return nil
	})
}

func orderTree(ctx context.Context, service *trilliansvc.Service, id int64) error {
	if id == 0 {
		return errors.New("the standby's database does not say which its Trillian trees are")
	}
	return service.Order(ctx, id)
}

// lostIn returns the records that a registry with a data folder has acknowledged, and that
// are not published below a length. The folder must be in use by nobody.
func lostIn(ctx context.Context, dataDir string, length uint64) (lost []store.UnpublishedRecord, err error) {
	old := &Server{options: Options{DataDir: dataDir}}
	defer func() { err = errors.Join(err, old.Close()) }()
	file := filepath.Join(dataDir, "registry.db")
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("the old data folder has no database: %w", err)
	}
	if err := old.lockDataDir(); err != nil {
		return nil, err
	}
	db, err := store.OpenSQLite(ctx, file)
	if err != nil {
		return nil, err
	}
	old.closers = append(old.closers, db.Close)
	lost = []store.UnpublishedRecord{}
	err = db.View(ctx, func(tx *store.Tx) error {
		found, err := tx.NotBelow(length, maxLost)
		lost = append([]store.UnpublishedRecord{}, found...)
		return err
	})
	return lost, err
}
