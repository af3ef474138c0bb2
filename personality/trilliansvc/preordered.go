package trilliansvc

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/google/trillian"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// A preordered log is a copy of a log that is ordered elsewhere: its leaves come with
// their indexes ([Log.AddSequenced]), and nothing can be queued. It becomes a log of its
// own with [Service.Order].

// Bounds of one AddSequencedLeaves call: a log server with default settings takes messages
// up to 4 MiB.
const (
	sequencedLeaves = 256
	sequencedBytes  = 2 << 20
)

// OpenPreordered is [Service.OpenLog] for PREORDERED_LOG trees.
func (s *Service) OpenPreordered(ctx context.Context, treeID int64, displayName string) (*Log, error) {
	return s.openTree(ctx, preordered, treeID, displayName)
}

// EnsurePreordered is [Service.EnsureLog] for PREORDERED_LOG trees.
func (s *Service) EnsurePreordered(ctx context.Context, displayName string,
	load func(context.Context) (id int64, err error),
	claim func(ctx context.Context, id int64) (chosen int64, err error),
) (*Log, error) {
	return s.ensureTree(ctx, preordered, displayName, load, claim)
}

// AddSequenced puts leaves at their indexes into a preordered log, and returns when all of
// them are on Trillian's disk. They are integrated, in order, as far as there is no gap
// before them: see [Log.Integrate].
//
// A leaf that is there already, at its index, is a success, so AddSequenced may be
// repeated. Another leaf there is an [ErrConflict] if it is integrated; before, a Trillian
// elsewhere may not tell, and the root does. On an error some of the leaves may be there.
func (l *Log) AddSequenced(ctx context.Context, leaves []follow.Leaf) error {
	for len(leaves) > 0 {
		n, size := 0, 0
		for n < len(leaves) && n < sequencedLeaves {
			size += len(leaves[n].Value) + len(leaves[n].ExtraData)
			if n > 0 && size > sequencedBytes {
				break
			}
			n++
		}
		if err := l.addSequenced(ctx, leaves[:n]); err != nil {
			return l.failed(fmt.Sprintf("adding leaves from index %d", leaves[0].Index), err)
		}
		leaves = leaves[n:]
	}
	return nil
}

func (l *Log) addSequenced(ctx context.Context, leaves []follow.Leaf) error {
	request := &trillian.AddSequencedLeavesRequest{LogId: l.id, Leaves: make([]*trillian.LogLeaf, len(leaves))}
	for i, leaf := range leaves {
		identity := protocol.HashOf(leaf.Value)
		request.Leaves[i] = &trillian.LogLeaf{
			LeafIndex: int64(leaf.Index), LeafValue: leaf.Value, ExtraData: leaf.ExtraData, LeafIdentityHash: identity[:],
		}
	}
	response, err := l.service.log.AddSequencedLeaves(ctx, request)
	if err != nil {
		return err
	}
	if len(response.Results) != len(leaves) {
		return fmt.Errorf("the answer is about %d leaves, not %d", len(response.Results), len(leaves))
	}
	for i, result := range response.Results {
		switch st := status.FromProto(result.GetStatus()); st.Code() {
		case codes.OK:
		case codes.AlreadyExists, codes.FailedPrecondition:
			// Storages differ in which of the two they answer, and in what they return:
			// what counts is what is there.
			if there := result.GetLeaf(); there.GetLeafIndex() == int64(leaves[i].Index) && bytes.Equal(there.GetLeafValue(), leaves[i].Value) {
				continue
			}
			if err := l.checkThere(ctx, leaves[i], st.Err()); err != nil {
				return err
			}
		default:
			return fmt.Errorf("leaf %d: %w", leaves[i].Index, st.Err())
		}
	}
	return nil
}

// checkThere demands that a preordered log has a leaf at its index, once that is
// integrated. Before, Trillian does not tell; whoever adds leaves compares the root.
func (l *Log) checkThere(ctx context.Context, leaf follow.Leaf, said error) error {
	response, err := l.service.log.GetLeavesByRange(ctx, &trillian.GetLeavesByRangeRequest{LogId: l.id, StartIndex: int64(leaf.Index), Count: 1})
	if err != nil {
		return err
	}
	root, _, err := parseRoot(response.GetSignedLogRoot())
	if err != nil || root.Size <= leaf.Index {
		return err
	}
	if there := response.GetLeaves(); len(there) == 1 && there[0].LeafIndex == int64(leaf.Index) && bytes.Equal(there[0].LeafValue, leaf.Value) {
		return nil
	}
	return fmt.Errorf("leaf %d: %w: %w", leaf.Index, ErrConflict, said)
}

// Order makes the preordered log with a tree id an ordered one: from then on Trillian orders the leaves that
// are queued, behind those that are there. Nobody may add leaves meanwhile, and all that
// were added must be integrated. It may be repeated after it was interrupted. The log is
// opened with [Service.OpenLog] afterwards.
//
// Trillian changes the type of a tree from PREORDERED_LOG to LOG alone, and says that the
// tree should be frozen before (storage.ValidateTreeForUpdate, trillian.proto).
func (s *Service) Order(ctx context.Context, id int64) error {
	l := &Log{service: s, id: id}
	tree, err := s.admin.GetTree(ctx, &trillian.GetTreeRequest{TreeId: l.id})
	if err != nil {
		return l.failed("reading the tree", err)
	}
	if tree.TreeType == preordered {
		if err := s.updateTree(ctx, "tree_state", &trillian.Tree{TreeId: l.id, TreeState: trillian.TreeState_FROZEN}); err != nil {
			return l.failed("freezing it", err)
		}
		if err := s.updateTree(ctx, "tree_type", &trillian.Tree{TreeId: l.id, TreeType: ordered}); err != nil {
			return l.failed("making it an ordered log", errors.Join(err, s.activate(ctx, l.id)))
		}
	}
	if err := s.activate(ctx, l.id); err != nil {
		return l.failed("making it active", err)
	}
	return nil
}

func (s *Service) activate(ctx context.Context, id int64) error {
	return s.updateTree(ctx, "tree_state", &trillian.Tree{TreeId: id, TreeState: trillian.TreeState_ACTIVE})
}

func (s *Service) updateTree(ctx context.Context, field string, tree *trillian.Tree) error {
	_, err := s.admin.UpdateTree(ctx, &trillian.UpdateTreeRequest{Tree: tree, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{field}}})
	return err
}
