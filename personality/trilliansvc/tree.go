package trilliansvc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/trillian"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// OpenLog opens a LOG tree of the log server.
//
// With a treeID other than 0 the tree must exist, be a LOG tree, be ACTIVE and
// not be deleted. With treeID 0 it is the oldest LOG tree whose display name is
// displayName (at most 20 bytes, MySQL's limit), deleted ones left out; if there
// is none, it is created. That suits a Trillian of one's own; where others use it
// too, or several processes may start at once, see [Service.EnsureLog]. Finding
// the name on a tree that is not ACTIVE is an error.
//
// A tree that was never initialised is initialised.
func (s *Service) OpenLog(ctx context.Context, treeID int64, displayName string) (*Log, error) {
	return s.openTree(ctx, ordered, treeID, displayName)
}

// The types of the trees that are opened.
const (
	ordered    = trillian.TreeType_LOG            // Trillian orders the leaves
	preordered = trillian.TreeType_PREORDERED_LOG // the leaves come with their indexes
)

func (s *Service) openTree(ctx context.Context, kind trillian.TreeType, treeID int64, displayName string) (*Log, error) {
	var tree *trillian.Tree
	var err error
	if treeID != 0 {
		tree, err = s.treeByID(ctx, kind, treeID)
	} else {
		tree, err = s.treeByName(ctx, kind, displayName)
	}
	if err != nil {
		return nil, err
	}
	if kind == preordered && tree.TreeState == trillian.TreeState_FROZEN { // by an Order that was interrupted
		if err := s.activate(ctx, tree.TreeId); err != nil {
			return nil, fmt.Errorf("the Trillian tree %d (%q) is frozen: %w", tree.TreeId, tree.DisplayName, err)
		}
		tree.TreeState = trillian.TreeState_ACTIVE
	}
	if got := tree.TreeState; got != trillian.TreeState_ACTIVE {
		return nil, fmt.Errorf("the Trillian tree %d (%q) is %v, want ACTIVE: set its state, or choose another tree", tree.TreeId, tree.DisplayName, got)
	}
	l := &Log{service: s, id: tree.TreeId}
	if err := l.initialise(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

func (s *Service) treeByID(ctx context.Context, kind trillian.TreeType, id int64) (*trillian.Tree, error) {
	tree, err := s.admin.GetTree(ctx, &trillian.GetTreeRequest{TreeId: id})
	switch {
	case err != nil:
		return nil, fmt.Errorf("the Trillian tree %d: %w", id, err)
	case tree.Deleted:
		return nil, fmt.Errorf("the Trillian tree %d is deleted", id)
	case tree.TreeType != kind:
		return nil, fmt.Errorf("the Trillian tree %d is of type %v, want %v", id, tree.TreeType, kind)
	}
	return tree, nil
}

// treeByName finds the tree, or creates it. Callers of one Service that do so at
// the same time get the same tree.
func (s *Service) treeByName(ctx context.Context, kind trillian.TreeType, name string) (*trillian.Tree, error) {
	if name == "" {
		return nil, fmt.Errorf("a Trillian tree id or a display name is needed")
	}
	s.naming.Lock()
	defer s.naming.Unlock()
	tree, err := s.oldestNamed(ctx, kind, name)
	if tree != nil || err != nil {
		return tree, err
	}
	return s.createTree(ctx, kind, name)
}

// oldestNamed returns nil if no tree of that type has that name.
func (s *Service) oldestNamed(ctx context.Context, kind trillian.TreeType, name string) (*trillian.Tree, error) {
	resp, err := s.admin.ListTrees(ctx, &trillian.ListTreesRequest{})
	if err != nil {
		return nil, fmt.Errorf("listing Trillian's trees: %w", err)
	}
	named := slices.DeleteFunc(resp.Tree, func(t *trillian.Tree) bool {
		return t.Deleted || t.TreeType != kind || t.DisplayName != name
	})
	if len(named) == 0 {
		return nil, nil
	}
	return slices.MinFunc(named, func(a, b *trillian.Tree) int {
		return cmp.Or(
			a.CreateTime.AsTime().Compare(b.CreateTime.AsTime()),
			cmp.Compare(a.TreeId, b.TreeId))
	}), nil
}

// initialise makes the first root, of size 0, unless there is one. Others may do
// so at the same time, and the server has several errors for those who come
// second, so what counts is whether there is a root in the end.
func (l *Log) initialise(ctx context.Context) error {
	_, made, err := l.latestRoot(ctx)
	if status.Code(err) == codes.FailedPrecondition {
		_, initErr := l.service.log.InitLog(ctx, &trillian.InitLogRequest{LogId: l.id})
		_, made, err = l.latestRoot(ctx)
		if err != nil && initErr != nil {
			return l.failed("initialising", errors.Join(initErr, err))
		}
	}
	if err != nil {
		return err
	}
	if e := l.service.embedded; e != nil {
		e.clock.saw(made)
	}
	return nil
}
