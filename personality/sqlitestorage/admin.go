package sqlitestorage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/trillian"
	"github.com/google/trillian/storage"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// adminStorage implements [storage.AdminStorage].
type adminStorage Storage

// treeCache holds what the table trees says. Trillian looks a tree up in every
// call, and trees change only through this process and hardly ever.
type treeCache struct {
	mu    sync.RWMutex
	trees []*trillian.Tree // nil: not read yet; never modified, copied when handed out
}

func (s *adminStorage) CheckDatabaseAccessible(ctx context.Context) error {
	return (*Storage)(s).checkAccessible(ctx)
}

// Snapshot implements [storage.AdminStorage].
func (s *adminStorage) Snapshot(ctx context.Context) (storage.ReadOnlyAdminTX, error) {
	trees, err := (*Storage)(s).allTrees(ctx)
	if err != nil {
		return nil, err
	}
	return adminSnapshot(trees), nil
}

// allTrees returns all trees, deleted ones included, in the order of their ids.
// They must not be modified.
func (s *Storage) allTrees(ctx context.Context) ([]*trillian.Tree, error) {
	s.trees.mu.RLock()
	trees := s.trees.trees
	s.trees.mu.RUnlock()
	if trees != nil {
		return trees, nil
	}
	s.trees.mu.Lock() // holds off a transaction that would change them meanwhile
	defer s.trees.mu.Unlock()
	if s.trees.trees == nil {
		trees, err := s.readTrees(ctx)
		if err != nil {
			return nil, err
		}
		s.trees.trees = trees
	}
	return s.trees.trees, nil
}

// readTrees reads the table.
func (s *Storage) readTrees(ctx context.Context) ([]*trillian.Tree, error) {
	tx, err := s.reader.Begin(ctx)
	if err != nil {
		return nil, s.failed("reading the trees", err)
	}
	defer tx.Rollback()
	trees, err := listTrees(ctx, tx)
	return trees, s.failed("reading the trees", err)
}

// ReadWriteTransaction implements [storage.AdminStorage]. It never retries f.
func (s *adminStorage) ReadWriteTransaction(ctx context.Context, f storage.AdminTXFunc) error {
	db := (*Storage)(s)
	tx, err := db.writer.Begin(ctx)
	if err != nil {
		return db.failed("beginning a transaction on trees", err)
	}
	t := &adminTX{tx: tx, storage: db}
	defer t.Close()
	if err := f(ctx, t); err != nil {
		return err
	}
	return t.Commit()
}

// adminSnapshot implements [storage.ReadOnlyAdminTX] on a list that never changes.
type adminSnapshot []*trillian.Tree

func (t adminSnapshot) GetTree(_ context.Context, id int64) (*trillian.Tree, error) {
	for _, tree := range t {
		if tree.TreeId == id {
			return proto.CloneOf(tree), nil
		}
	}
	return nil, noTree(id)
}

func (t adminSnapshot) ListTrees(_ context.Context, includeDeleted bool) ([]*trillian.Tree, error) {
	trees := []*trillian.Tree{}
	for _, tree := range t {
		if includeDeleted || !tree.Deleted {
			trees = append(trees, proto.CloneOf(tree))
		}
	}
	return trees, nil
}

func (t adminSnapshot) Commit() error { return nil }
func (t adminSnapshot) Close() error  { return nil }

func noTree(id int64) error { return status.Errorf(codes.NotFound, "tree %d not found", id) }

// adminTX implements [storage.AdminTX].
type adminTX struct {
	tx      *tx
	storage *Storage
}

// Commit implements [storage.AdminTX]. Whoever reads trees after it has returned
// sees what was committed.
func (t *adminTX) Commit() error {
	t.storage.trees.mu.Lock()
	defer t.storage.trees.mu.Unlock()
	err := t.tx.Commit()
	t.storage.trees.trees = nil
	return t.storage.failed("committing a transaction on trees", err)
}

// Close implements [storage.AdminTX].
func (t *adminTX) Close() error {
	t.tx.Rollback()
	return nil
}

// GetTree implements [storage.AdminTX].
func (t *adminTX) GetTree(ctx context.Context, id int64) (*trillian.Tree, error) {
	tree, err := scanTree(t.tx.Conn().QueryRowContext(ctx, sqlTrees+" WHERE tree_id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, noTree(id)
	}
	return tree, t.storage.failed(fmt.Sprintf("reading tree %d", id), err)
}

// ListTrees implements [storage.AdminTX].
func (t *adminTX) ListTrees(ctx context.Context, includeDeleted bool) ([]*trillian.Tree, error) {
	trees, err := listTrees(ctx, t.tx)
	if err != nil {
		return nil, t.storage.failed("reading the trees", err)
	}
	return adminSnapshot(trees).ListTrees(ctx, includeDeleted)
}

// CreateTree implements [storage.AdminTX].
func (t *adminTX) CreateTree(ctx context.Context, tree *trillian.Tree) (*trillian.Tree, error) {
	if err := storage.ValidateTreeForCreation(ctx, tree); err != nil {
		return nil, err
	}
	if err := checkSettings(tree); err != nil {
		return nil, err
	}
	id, err := storage.NewTreeID()
	if err != nil {
		return nil, fmt.Errorf("making a tree id: %w", err)
	}
	tree = proto.CloneOf(tree)
	tree.TreeId = id
	now := time.Now().Truncate(time.Millisecond)
	tree.CreateTime, tree.UpdateTime = timestamppb.New(now), timestamppb.New(now)
	_, err = t.tx.Conn().ExecContext(ctx, `INSERT INTO trees (tree_id, tree_state, tree_type, display_name, description,
		max_root_duration, create_time, update_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		id, tree.TreeState.String(), tree.TreeType.String(), tree.DisplayName, tree.Description,
		tree.MaxRootDuration.AsDuration().Nanoseconds(), now.UnixMilli(), now.UnixMilli())
	if err != nil {
		return nil, t.storage.failed("creating a tree", err)
	}
	return tree, nil
}

// UpdateTree implements [storage.AdminTX].
func (t *adminTX) UpdateTree(ctx context.Context, id int64, update func(*trillian.Tree)) (*trillian.Tree, error) {
	tree, err := t.GetTree(ctx, id)
	if err != nil {
		return nil, err
	}
	before := proto.CloneOf(tree)
	update(tree)
	if err := storage.ValidateTreeForUpdate(ctx, before, tree); err != nil {
		return nil, err
	}
	if err := checkSettings(tree); err != nil {
		return nil, err
	}
	now := time.Now().Truncate(time.Millisecond)
	if tree.TreeType != before.TreeType {
		if err := t.beginQueue(ctx, id, now); err != nil {
			return nil, err
		}
	}
	tree.UpdateTime = timestamppb.New(now)
	_, err = t.tx.Conn().ExecContext(ctx, `UPDATE trees SET tree_state = ?, tree_type = ?, display_name = ?, description = ?,
		max_root_duration = ?, update_time = ? WHERE tree_id = ?`,
		tree.TreeState.String(), tree.TreeType.String(), tree.DisplayName, tree.Description,
		tree.MaxRootDuration.AsDuration().Nanoseconds(), now.UnixMilli(), id)
	if err != nil {
		return nil, t.storage.failed(fmt.Sprintf("updating tree %d", id), err)
	}
	return tree, nil
}

// beginQueue makes the queue of a tree that was a PREORDERED_LOG and becomes a LOG, which is
// the only change of types ([storage.ValidateTreeForUpdate]): it begins behind the leaves
// that are there, all of which must be integrated.
func (t *adminTX) beginQueue(ctx context.Context, id int64, at time.Time) error {
	var size, leaves, end int64
	err := t.tx.Conn().QueryRowContext(ctx, `SELECT coalesce((SELECT tree_size FROM tree_heads WHERE tree_id = ?1), 0),
		count(*), coalesce(max(leaf_index) + 1, 0) FROM leaves WHERE tree_id = ?1`, id).Scan(&size, &leaves, &end)
	switch {
	case err != nil:
		return t.storage.failed(fmt.Sprintf("reading how many leaves tree %d has", id), err)
	case leaves != size || end != size:
		return status.Errorf(codes.FailedPrecondition, "tree %d has %d leaves up to index %d, and its root is of %d: all have to be integrated before it becomes a LOG", id, leaves, end-1, size)
	case size == 0:
		return nil
	}
	_, err = t.tx.Conn().ExecContext(ctx, `INSERT INTO batches (tree_id, end_index, integrate_time) VALUES (?, ?, ?)`, id, size, at.UnixNano())
	return t.storage.failed(fmt.Sprintf("beginning the queue of tree %d", id), err)
}

// SoftDeleteTree implements [storage.AdminTX].
func (t *adminTX) SoftDeleteTree(ctx context.Context, id int64) (*trillian.Tree, error) {
	return t.setDeleted(ctx, id, time.Now().UnixMilli())
}

// UndeleteTree implements [storage.AdminTX].
func (t *adminTX) UndeleteTree(ctx context.Context, id int64) (*trillian.Tree, error) {
	return t.setDeleted(ctx, id, nil)
}

// setDeleted sets delete_time: milliseconds since 1970, or nil for a tree that
// is not deleted.
func (t *adminTX) setDeleted(ctx context.Context, id int64, deleteTime any) (*trillian.Tree, error) {
	if err := t.checkDeleted(ctx, id, deleteTime == nil); err != nil {
		return nil, err
	}
	if _, err := t.tx.Conn().ExecContext(ctx, `UPDATE trees SET delete_time = ? WHERE tree_id = ?`, deleteTime, id); err != nil {
		return nil, t.storage.failed(fmt.Sprintf("deleting or undeleting tree %d", id), err)
	}
	return t.GetTree(ctx, id)
}

// HardDeleteTree implements [storage.AdminTX]: leaves, tiles and roots go with
// the tree.
func (t *adminTX) HardDeleteTree(ctx context.Context, id int64) error {
	if err := t.checkDeleted(ctx, id, true); err != nil {
		return err
	}
	_, err := t.tx.Conn().ExecContext(ctx, `DELETE FROM trees WHERE tree_id = ?`, id)
	return t.storage.failed(fmt.Sprintf("deleting tree %d for good", id), err)
}

func (t *adminTX) checkDeleted(ctx context.Context, id int64, want bool) error {
	tree, err := t.GetTree(ctx, id)
	switch {
	case err != nil:
		return err
	case want && !tree.Deleted:
		return status.Errorf(codes.FailedPrecondition, "tree %d is not soft deleted", id)
	case !want && tree.Deleted:
		return status.Errorf(codes.FailedPrecondition, "tree %d already soft deleted", id)
	}
	return nil
}

func checkSettings(tree *trillian.Tree) error {
	if tree.StorageSettings != nil {
		return status.Error(codes.InvalidArgument, "this storage has no storage_settings")
	}
	return nil
}

const sqlTrees = `SELECT tree_id, tree_state, tree_type, display_name, description,
	max_root_duration, create_time, update_time, delete_time FROM trees`

func listTrees(ctx context.Context, tx *tx) ([]*trillian.Tree, error) {
	rows, err := tx.Conn().QueryContext(ctx, sqlTrees+" ORDER BY tree_id")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	trees := []*trillian.Tree{}
	for rows.Next() {
		tree, err := scanTree(rows)
		if err != nil {
			return nil, err
		}
		trees = append(trees, tree)
	}
	return trees, rows.Err()
}

func scanTree(row scanner) (*trillian.Tree, error) {
	tree := new(trillian.Tree)
	var state, kind string
	var maxRootDuration, created, updated int64
	var deleted sql.NullInt64
	if err := row.Scan(&tree.TreeId, &state, &kind, &tree.DisplayName, &tree.Description,
		&maxRootDuration, &created, &updated, &deleted); err != nil {
		return nil, err
	}
	stateValue, stateKnown := trillian.TreeState_value[state]
	kindValue, kindKnown := trillian.TreeType_value[kind]
	if !stateKnown || !kindKnown {
		return nil, fmt.Errorf("tree %d has state %q and type %q", tree.TreeId, state, kind)
	}
	tree.TreeState, tree.TreeType = trillian.TreeState(stateValue), trillian.TreeType(kindValue)
	tree.MaxRootDuration = durationpb.New(time.Duration(maxRootDuration))
	tree.CreateTime = timestamppb.New(time.UnixMilli(created))
	tree.UpdateTime = timestamppb.New(time.UnixMilli(updated))
	if deleted.Valid {
		tree.Deleted, tree.DeleteTime = true, timestamppb.New(time.UnixMilli(deleted.Int64))
	}
	return tree, nil
}
