package publisher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/index"
	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// MirrorLog is the log that a [Mirror] fills: a copy of an upstream's records log.
type MirrorLog interface {
	follow.Source
	// AddSequenced puts leaves at their indexes. Those that are there are no error.
	AddSequenced(ctx context.Context, leaves []follow.Leaf) error
	// Integrate integrates what was added, where this process can.
	Integrate(ctx context.Context) error
}

// MirrorSource is the records log of an upstream, as of some checkpoint. What it gives is
// not trusted.
type MirrorSource interface {
	// Leaves returns up to count leaves from start on, one at least. Their extra data is
	// the package name and the envelope ([protocol.EncodeLeafData]).
	Leaves(ctx context.Context, start uint64, count int) ([]follow.Leaf, error)
	// Consistent demands that the log of one root is a prefix of that of another, which
	// is larger: see [follow.Consistent].
	Consistent(ctx context.Context, from, to follow.Root) error
}

// UntrueError says that what an upstream gives does not hold, so that nothing of it is
// taken over. Trying again helps only if the upstream gives something else.
type UntrueError struct {
	Claim string // what does not hold: "log", "record", "map" or "signature"
	Err   error
}

func (e *UntrueError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *UntrueError) Unwrap() error { return e.Err }

func untruef(claim, format string, args ...any) error {
	return &UntrueError{claim, fmt.Errorf(format, args...)}
}

// MirrorOptions are what a [Mirror] is made of.
type MirrorOptions struct {
	Store    Database
	Records  MirrorLog
	Index    *index.Tree // the package index, over the tiles in Store
	Restorer Restorer
	Now      func() time.Time
	Logger   *slog.Logger
}

// Mirror publishes checkpoints that were signed elsewhere, after it has done what a
// publisher does before it signs one: leaves verified against the root, records valid
// behind those before them, map root computed, signature by a key that the operator log
// permits to. It signs nothing. It belongs to one goroutine.
//
// A checkpoint that is far ahead is taken over in steps. What a step has verified is
// staged: in Trillian, in the database as records that are accepted, and in the package
// index under a revision that no checkpoint has yet. Readers see nothing of it until all
// of it is published in one transaction, with the checkpoint. A mirror that was
// interrupted goes on behind what is staged. Checkpoints that are close together are staged
// and published in runs: see [Mirror.FollowLogged].
type Mirror struct {
	options   MirrorOptions
	publisher *Publisher       // for the tiles
	base      store.Checkpoint // the newest published one; zero before the first
	staged    staged
	known     follow.State       // the records log up to what is staged
	operator  []protocol.LogLeaf // of the operator log, behind base up to what is staged
	logged    store.CheckpointsLog
}

// staged is what the database keeps of what is staged.
type staged struct {
	Length  uint64        `json:"length"`
	MapRoot protocol.Hash `json:"mapRoot"`
}

// stagedKey is the name in the database.
const stagedKey = "mirror staged"

const (
	// mirrorStep is how many leaves are staged in one transaction.
	mirrorStep = 1024
	// reloadTime is for a Trillian elsewhere to integrate what was staged before, and for
	// reading it back.
	reloadTime = 2 * time.Minute
	// integratedPoll is how often to look whether a Trillian elsewhere has integrated.
	integratedPoll = 20 * time.Millisecond
)

// OpenMirror goes on where the database and the log are.
func OpenMirror(ctx context.Context, o MirrorOptions) (*Mirror, error) {
	m := &Mirror{options: o, publisher: New(Options{Store: o.Store, Index: o.Index, Restorer: o.Restorer, Now: o.Now, Logger: o.Logger})}
	return m, m.load(ctx)
}

// Newest returns the newest checkpoint that is published; zero before the first.
func (m *Mirror) Newest() protocol.SignedCheckpoint { return m.base.Signed }

// Staged is how many records are verified and stored, published or not.
func (m *Mirror) Staged() uint64 { return m.staged.Length }

// load reads where the database is, and verifies the log up to there.
func (m *Mirror) load(ctx context.Context) error {
	var base store.Checkpoint
	var stage staged
	err := m.options.Store.View(ctx, func(tx *store.Tx) (err error) {
		base, err = tx.LatestCheckpoint()
		if errors.Is(err, store.ErrNotFound) {
			base, err = store.Checkpoint{}, nil
		}
		if err == nil {
			stage, err = readStaged(tx)
		}
		if err == nil {
			m.logged, err = tx.CheckpointsLog()
		}
		return err
	})
	if err != nil {
		return err
	}
	m.begin(base)
	known, err := follow.NewState(lengthOf(base), base.Roots)
	if err != nil {
		return faultf("the mirror's database is damaged: the newest checkpoint's subtrees: %w", err)
	}
	if got := known.Root(); lengthOf(base) > 0 && got != rootOf(base) {
		return faultf("the mirror's database is damaged: the subtrees of the newest checkpoint give the log root %s, it says %s", got.Hash, base.Signed.Contents.LogRoot)
	}
	m.known = known
	if stage.Length <= lengthOf(base) {
		return nil
	}
	return m.reload(ctx, stage)
}

// begin is at a published checkpoint, with nothing staged behind it.
func (m *Mirror) begin(base store.Checkpoint) {
	m.base, m.operator = base, nil
	m.staged = staged{lengthOf(base), base.Signed.Contents.MapRoot}
}

// reload reads what is staged back from the log.
func (m *Mirror) reload(ctx context.Context, stage staged) error {
	ctx, cancel := context.WithTimeout(ctx, reloadTime)
	defer cancel()
	if _, err := waitSize(ctx, m.options.Records, stage.Length); err != nil {
		return err
	}
	for m.known.Size() < stage.Length {
		limit := int(min(stage.Length-m.known.Size(), mirrorStep))
		batch, err := follow.Next(ctx, m.options.Records, m.known, limit)
		if err != nil {
			return fmt.Errorf("the mirror's records log: %w", err)
		}
		if len(batch.Leaves) == 0 {
			return faultf("the mirror's records log has %d leaves, and its database has %d", m.known.Size(), stage.Length)
		}
		leaves, err := parseLeaves(batch.Leaves)
		if err != nil {
			return err
		}
		m.operator = append(m.operator, operatorLeaves(leaves)...)
		m.known = batch.State
	}
	m.staged = stage
	return nil
}

func readStaged(tx *store.Tx) (s staged, err error) {
	text, err := tx.Meta(stagedKey)
	if errors.Is(err, store.ErrNotFound) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		err = fmt.Errorf("read what the mirror has staged: %w", err)
	}
	return s, err
}

// parseLeaves reads the leaves of a log of the mirror.
func parseLeaves(leaves []follow.Leaf) ([]protocol.LogLeaf, error) {
	parsed := make([]protocol.LogLeaf, len(leaves))
	for n, l := range leaves {
		var err error
		if parsed[n], err = protocol.ParseLogLeaf(l.Value); err != nil {
			return nil, faultf("leaf %d of the mirror's records log is not a record of a warg registry: %w", l.Index, err)
		}
	}
	return parsed, nil
}

func operatorLeaves(leaves []protocol.LogLeaf) (own []protocol.LogLeaf) {
	for _, leaf := range leaves {
		if leaf.LogID == protocol.OperatorLogID() {
			own = append(own, leaf)
		}
	}
	return own
}

// Republish stores the newest checkpoint with a later time and signature.
func (m *Mirror) Republish(ctx context.Context, signed protocol.SignedCheckpoint) error {
	if signed.Contents.Checkpoint != m.base.Signed.Contents.Checkpoint {
		return untruef("log", "there are two checkpoints of %d records with different roots: the upstream has forked its log", signed.Contents.LogLength)
	}
	if signed.Contents.Timestamp <= m.base.Signed.Contents.Timestamp {
		return nil
	}
	err := m.options.Store.Update(ctx, func(tx *store.Tx) error {
		if err := signedByOperator(tx, m.options.Restorer, nil, signed); err != nil {
			return err
		}
		if err := replaceNewest(tx, m.base, lengthOf(m.base)); err != nil {
			return err
		}
		return tx.RepublishCheckpoint(signed)
	})
	if err == nil {
		m.base.Signed = signed
	}
	return m.reloaded(ctx, err)
}

// reloaded reads the database again if another process was faster, which is no error.
func (m *Mirror) reloaded(ctx context.Context, err error) error {
	if errors.Is(err, store.ErrSuperseded) {
		return m.load(ctx)
	}
	return err
}

// signedByOperator refuses a checkpoint that is not signed as the operator log says, as of
// its published records and those of some leaves behind them.
func signedByOperator(tx *store.Tx, restorer Restorer, next []protocol.LogLeaf, signed protocol.SignedCheckpoint) error {
	log, err := restorer.OperatorLog(tx, next)
	if err != nil {
		return err
	}
	key, _ := log.PublicKey(signed.KeyID)
	if !log.HasPermission(signed.KeyID, protocol.PermissionCommit) {
		return untruef("signature", "key %s may not sign checkpoints as of it", signed.KeyID)
	}
	if err := signed.Verify(key); err != nil {
		return untruef("signature", "the checkpoint of %d records: %w", signed.Contents.LogLength, err)
	}
	return nil
}

// waitIntegrated returns when the log has integrated all leaves of a state, and proves
// that it has these.
func (m *Mirror) waitIntegrated(ctx context.Context, state follow.State) error {
	root, err := waitSize(ctx, m.options.Records, state.Size())
	if err != nil {
		return err
	}
	if err := follow.Consistent(ctx, m.options.Records, state.Root(), root); err != nil {
		return fmt.Errorf("the mirror's records log: %w", err)
	}
	return nil
}

// waitSize returns a log's root when it has integrated so many leaves at least.
func waitSize(ctx context.Context, log MirrorLog, size uint64) (follow.Root, error) {
	if err := log.Integrate(ctx); err != nil {
		return follow.Root{}, err
	}
	for {
		root, err := log.Root(ctx)
		if err != nil || root.Size >= size {
			return root, err
		}
		wake.Sleep(ctx, integratedPoll, nil)
		if ctx.Err() != nil {
			return root, fmt.Errorf("the mirror's log has integrated %d of %d leaves: %w", root.Size, size, ctx.Err())
		}
	}
}
