package trilliansvc

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/trillian"
	"google.golang.org/protobuf/types/known/durationpb"
)

// EnsureLog opens the log that the caller has chosen, or creates one and has it
// chosen. Of several processes that do so at once with the same database, all
// get the same log. Trees that are not the caller's are left alone, whatever
// their names: others may use the same Trillian.
//
// The caller keeps the choice in its database. Load returns the tree id that is
// kept, or 0. Claim keeps id if none is kept yet, in one transaction, and returns
// the id that is kept then; it is called at most once, with a log that is ready
// for use. A tree that lost is deleted. A process that ends before Claim leaves
// an empty tree behind, which does no harm beyond a signer pass per interval.
//
// The displayName, at most 20 bytes, is for people.
func (s *Service) EnsureLog(ctx context.Context, displayName string,
	load func(context.Context) (id int64, err error),
	claim func(ctx context.Context, id int64) (chosen int64, err error),
) (*Log, error) {
	return s.ensureTree(ctx, ordered, displayName, load, claim)
}

// ensureTree is [Service.EnsureLog] for a type of trees.
func (s *Service) ensureTree(ctx context.Context, kind trillian.TreeType, displayName string,
	load func(context.Context) (id int64, err error),
	claim func(ctx context.Context, id int64) (chosen int64, err error),
) (*Log, error) {
	id, err := load(ctx)
	if err != nil {
		return nil, fmt.Errorf("which Trillian tree is %q: %w", displayName, err)
	}
	if id != 0 {
		return s.openChosen(ctx, kind, id, displayName)
	}
	created, err := s.createLog(ctx, kind, displayName)
	if err != nil {
		return nil, err
	}
	chosen, err := claim(ctx, created.id)
	switch {
	case err != nil: // it may be chosen all the same, so it stays
		return nil, fmt.Errorf("keeping that Trillian tree %d is %q: %w", created.id, displayName, err)
	case chosen == created.id:
		return created, nil
	}
	if err := s.deleteTree(ctx, created.id, displayName); err != nil {
		return nil, err
	}
	return s.openChosen(ctx, kind, chosen, displayName)
}

func (s *Service) openChosen(ctx context.Context, kind trillian.TreeType, id int64, displayName string) (*Log, error) {
	l, err := s.openTree(ctx, kind, id, "")
	if err != nil {
		return nil, fmt.Errorf("the registry's database says that %q is tree %d; is this the Trillian that it was made with? %w", displayName, id, err)
	}
	return l, nil
}

// createLog creates a tree and initialises it.
func (s *Service) createLog(ctx context.Context, kind trillian.TreeType, displayName string) (*Log, error) {
	tree, err := s.createTree(ctx, kind, displayName)
	if err != nil {
		return nil, err
	}
	l := &Log{service: s, id: tree.TreeId}
	if err := l.initialise(ctx); err != nil {
		return nil, errors.Join(err, s.deleteTree(ctx, l.id, displayName))
	}
	return l, nil
}

func (s *Service) createTree(ctx context.Context, kind trillian.TreeType, displayName string) (*trillian.Tree, error) {
	tree, err := s.admin.CreateTree(ctx, &trillian.CreateTreeRequest{Tree: &trillian.Tree{
		TreeState:       trillian.TreeState_ACTIVE,
		TreeType:        kind,
		DisplayName:     displayName,
		MaxRootDuration: durationpb.New(0), // no new root while nothing happens
	}})
	if err != nil {
		return nil, fmt.Errorf("creating the Trillian tree %q: %w", displayName, err)
	}
	return tree, nil
}

func (s *Service) deleteTree(ctx context.Context, id int64, displayName string) error {
	if _, err := s.admin.DeleteTree(ctx, &trillian.DeleteTreeRequest{TreeId: id}); err != nil {
		return fmt.Errorf("deleting the Trillian tree %d, one of name %q too many: %w", id, displayName, err)
	}
	return nil
}
