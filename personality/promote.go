package personality

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/warg-trillian/warg-trillian/personality/federation"
	"github.com/warg-trillian/warg-trillian/personality/signing"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// PromoteOptions say what a standby is to make sure of before it becomes the registry.
type PromoteOptions struct {
	// Old is the address of the registry that it takes the place of: URL, and a token if it
	// is private. It must not answer any more, nor must it where the standby followed it.
	Old federation.Registry
	// OldDatabase is the database of that registry, if it is at hand: what was acknowledged
	// there, and is not in the standby, is named. It is brought to this program's schema, and
	// else not changed.
	OldDatabase store.Database
	// OldDataDir is the data folder of that registry, whose lock is taken while its database is
	// read; "": none is at hand.
	OldDataDir string
	// Lose goes on although somebody has seen more than the standby holds, or it is not
	// known whether anybody has.
	Lose bool
}

// Promoted is what became of a promotion.
type Promoted struct {
	Records uint64 // that the registry has
	// Asked are the addresses at which the old registry was looked for.
	Asked []string
	// Doubts are why it would have been refused without [PromoteOptions.Lose].
	Doubts []string
	// Lost are records that the old registry had acknowledged and the standby does not
	// hold; nil if its database was not given.
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

// Keys under which the database keeps a promotion that is under way: how far it is, and the
// tree of the checkpoints log.
const (
	promotingKey        = "promoting"
	promotedCheckpoints = "mirror checkpoints tree"
)

// promotion is how far a promotion is, as the database has it until it has ended.
type promotion struct {
	of string // key that the operator log begins with, of a standby; "" once the logs are ordered
	at string // URL at which the standby followed its registry; "" if an earlier release did

	Begun       bool        // the checkpoints log is filled
	Ordered     bool        // Trillian orders both logs, and the database is no standby's any more
	Records     follow.Root // of the logs as the standby held them
	Checkpoints follow.Root
	Staged      uint64 // records that are in the log, some perhaps behind the newest checkpoint
}

// Promote makes the standby in a data folder the registry. The operator key and the note keys
// of the registry must be there, as for [Open]. It may be interrupted and called again.
//
// Before anything is changed it asks the old address, and the witnesses of the policy, for
// anything newer than the standby holds: a [*RefusedError] if there is, or if it cannot be
// known. Nothing that was published, and that the standby holds, is lost.
func Promote(ctx context.Context, o Options, p PromoteOptions) (done Promoted, err error) {
	o.Metrics, o.promoting = nil, true
	if err := promoteMirror(ctx, o.complete(), p, &done); err != nil {
		return done, err
	}
	// What the standby had taken in behind its newest checkpoint is read from the log, and
	// signed here.
	if err := Rebuild(ctx, o, func(records, _ uint64) { done.Records = records }); err != nil {
		return done, err
	}
	return done, endPromotion(ctx, o.complete())
}

// endPromotion lets the registry be served.
func endPromotion(ctx context.Context, o Options) (err error) {
	s := &Server{options: o}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.lockDataDir(); err != nil {
		return err
	}
	db, err := o.Database.Open(ctx, o.Logger)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, db.Close)
	return db.Update(ctx, func(tx *store.Tx) error {
		return errors.Join(tx.DropMeta(promotingKey), tx.DropMeta(followedKey))
	})
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
	known, err := readPromotion(ctx, db)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	p.Old.Domain, p.Old.Own = "old registry", true
	switch {
	case known.of == "" && !known.Ordered:
		return errors.New("the data folder is that of no standby: `warg-personality standby` makes one, and there is nothing to promote in a registry")
	case known.Begun:
		return s.resumePromotion(ctx, p, known, done)
	}
	if p.Old.OperatorKey, err = protocol.ParsePublicKey(known.of); err != nil {
		return fmt.Errorf("the operator key in the standby's database: %w", err)
	}
	if known, err = s.preparePromotion(ctx, p, known.at, done); err != nil {
		return err
	}
	return s.order(ctx, known)
}

// resumePromotion goes on with a promotion that was interrupted. The old registry may have
// come back, and published, since then.
func (s *Server) resumePromotion(ctx context.Context, p PromoteOptions, known promotion, done *Promoted) error {
	keys, err := s.noteKeysOf(func(tlog.Log) (string, error) { return "", nil })
	if err != nil {
		return err
	}
	if err := s.look(ctx, p, known, keys, done); err != nil {
		return err
	}
	if known.Ordered {
		return nil
	}
	return s.order(ctx, known)
}

// readPromotion reads of which registry a database is a mirror, and how far its promotion is.
func readPromotion(ctx context.Context, db *store.DB) (known promotion, err error) {
	err = db.View(ctx, func(tx *store.Tx) error {
		of, err := optional(tx.Meta(mirrorOfKey))
		if err != nil {
			return err
		}
		at, err := optional(tx.Meta(followedKey))
		if err != nil {
			return err
		}
		text, err := optional(tx.Meta(promotingKey))
		if err == nil && len(text) > 0 {
			if err = json.Unmarshal(text, &known); err != nil {
				err = fmt.Errorf("read how far the promotion is: %w", err)
			}
		}
		known.of, known.at = string(of), string(at)
		return err
	})
	return known, err
}

// note writes how far a promotion is.
func (p promotion) note(tx *store.Tx) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return tx.ReplaceMeta(promotingKey, text)
}

// preparePromotion makes sure that nothing newer is known, fills the checkpoints log, and
// notes that the promotion has begun.
func (s *Server) preparePromotion(ctx context.Context, p PromoteOptions, at string, done *Promoted) (known promotion, err error) {
	m, err := s.openStandby(ctx, p.Old, newMetrics(s.options.Metrics))
	if m != nil {
		defer func() { err = errors.Join(err, m.Close()) }()
	}
	if err != nil {
		return known, err
	}
	keys, err := s.promotionKeys(ctx, m)
	if err != nil {
		return known, err
	}
	if known, err = held(ctx, m); err != nil {
		return known, err
	}
	known.at = at
	if err := s.look(ctx, p, known, keys, done); err != nil {
		return known, err
	}
	checkpoints, err := openPreordered(ctx, m.service, m.db, checkpointsLogName, promotedCheckpoints)
	if err != nil {
		return known, err
	}
	if err := m.Writer().FillCheckpoints(ctx, checkpoints); err != nil {
		return known, err
	}
	if err := m.Writer().Unstage(ctx); err != nil {
		return known, err
	}
	return known, m.db.Update(ctx, known.note)
}

// held is what a standby holds of the logs.
func held(ctx context.Context, m *opened) (known promotion, err error) {
	if m.Writer().Newest().Contents.LogLength == 0 {
		return known, errors.New("the standby holds nothing yet: it has never caught up with its registry")
	}
	if err := m.Writer().LogPending(ctx); err != nil {
		return known, err
	}
	if _, complete := m.Writer().Logged(); !complete {
		return known, errors.New("the standby has not taken over the checkpoints log up to its newest checkpoint: run it until it has, or, if the registry is gone, ask for help; the databases are as they were")
	}
	known.Begun, known.Staged = true, m.Writer().Staged()
	known.Records, known.Checkpoints, err = m.Writer().Base()
	return known, err
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
	return s.noteKeysOf(func(log tlog.Log) (string, error) {
		known, err := m.NoteKeys(ctx, log)
		return string(known), err
	})
}

// noteKeysOf reads the note keys, and demands that they are among those by which each log is
// known, as far as that is known.
func (s *Server) noteKeysOf(knownOf func(tlog.Log) (string, error)) (map[tlog.Log]*tlog.NoteKey, error) {
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
		known, err := knownOf(log)
		if err == nil && known != "" && !slices.Contains(strings.Fields(known), keys[log].VKeys()[0]) {
			return nil, fmt.Errorf("%s holds another key (%s) than the one by which the %s log of the registry is known (%s): put that one there", path, keys[log].VKeys()[0], log, strings.TrimSpace(known))
		}
	}
	return keys, nil
}

// order makes both logs of a standby ordered ones, and its database that of a registry.
func (s *Server) order(ctx context.Context, known promotion) (err error) {
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
		for _, key := range []string{mirrorOfKey, mirrorTreeKey, promotedCheckpoints} {
			if err := tx.DropMeta(key); err != nil {
				return err
			}
		}
		known.Ordered = true
		return known.note(tx)
	})
}

func orderTree(ctx context.Context, service *trilliansvc.Service, id int64) error {
	if id == 0 {
		return errors.New("the standby's database does not say which its Trillian trees are")
	}
	return service.Order(ctx, id)
}
