package personality

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/warg-trillian/warg-trillian/personality/internal/parts"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
)

// Display names of the Trillian trees, and under which names the registry's
// database keeps their ids.
const (
	recordsLogName     = "warg records"
	checkpointsLogName = "warg checkpoints"
	recordsTreeKey     = "records tree"
	checkpointsTreeKey = "checkpoints tree"
)

const (
	// The embedded log server keeps the order of queueing, so a chain of
	// records of one package need not wait for each other.
	embeddedInFlightPerLog = 256
	// A remote one may be several, whose order of queueing is not one.
	remoteInFlightPerLog = 1
)

// openTrillian opens the two logs, embedded or remote.
func (s *Server) openTrillian(ctx context.Context, p *parts.Options) error {
	if s.options.Trillian.Target == "" {
		return s.openEmbeddedTrillian(ctx, p)
	}
	o := s.options.Trillian
	o.Logger, o.DialOptions = s.options.Logger, s.options.Tracing.DialOptions()
	service, err := trilliansvc.Dial(ctx, o)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, service.Close)
	p.Publisher.InFlightPerLog = remoteInFlightPerLog
	records, err := s.openRemoteLog(ctx, service, p.Store, recordsLogName, recordsTreeKey, s.options.RecordsTree)
	if err != nil {
		return err
	}
	checkpoints, err := s.openRemoteLog(ctx, service, p.Store, checkpointsLogName, checkpointsTreeKey, s.options.CheckpointsTree)
	if err != nil {
		return err
	}
	s.options.Logger.Info("using Trillian trees; keep their ids", "records_tree", records.ID(), "checkpoints_tree", checkpoints.ID())
	p.Records, p.Checkpoints = records, checkpoints
	return nil
}

func (s *Server) openEmbeddedTrillian(ctx context.Context, p *parts.Options) error {
	service, err := trilliansvc.Embedded(ctx, s.options.DataDir, s.options.Logger, s.options.Tracing.DialOptions()...)
	if err != nil {
		return fmt.Errorf("start the embedded Trillian: %w", err)
	}
	s.closers = append(s.closers, service.Close)
	p.Publisher.InFlightPerLog = embeddedInFlightPerLog
	records, err := service.OpenLog(ctx, 0, recordsLogName)
	if err != nil {
		return fmt.Errorf("open the records log: %w", err)
	}
	checkpoints, err := service.OpenLog(ctx, 0, checkpointsLogName)
	if err != nil {
		return fmt.Errorf("open the checkpoints log: %w", err)
	}
	p.Records, p.Checkpoints = records, checkpoints
	return nil
}

// openRemoteLog opens the tree that the registry's database names. If it names
// none, that becomes the one that the settings give, or else a new one.
func (s *Server) openRemoteLog(ctx context.Context, service *trilliansvc.Service, db *store.DB, name, key string, given int64) (*trilliansvc.Log, error) {
	load := func(ctx context.Context) (int64, error) {
		if given == 0 {
			return keptTree(ctx, db, key)
		}
		if _, err := service.OpenLog(ctx, given, ""); err != nil {
			return 0, err
		}
		kept, err := claimTree(ctx, db, key, given)
		if err == nil && kept != given {
			err = fmt.Errorf("the registry's database says tree %d, the settings say %d", kept, given)
		}
		return kept, err
	}
	claim := func(ctx context.Context, id int64) (int64, error) {
		if s.rebuilding {
			return 0, fmt.Errorf("the registry's database does not say which Trillian tree is %q: give it with --records-tree or --checkpoints-tree", name)
		}
		return claimTree(ctx, db, key, id)
	}
	return service.EnsureLog(ctx, name, load, claim)
}

// keptTree returns the id of the tree that the database names, or 0.
func keptTree(ctx context.Context, db *store.DB, key string) (int64, error) {
	var id int64
	err := db.View(ctx, func(tx *store.Tx) (err error) {
		id, err = treeID(tx, key)
		return err
	})
	return id, err
}

// claimTree names a tree in the database, if it names none yet, and returns the
// one that it names.
func claimTree(ctx context.Context, db *store.DB, key string, id int64) (int64, error) {
	var kept int64
	err := db.Update(ctx, func(tx *store.Tx) (err error) {
		if kept, err = treeID(tx, key); err != nil || kept != 0 {
			return err
		}
		kept = id
		return tx.SetMeta(key, binary.BigEndian.AppendUint64(nil, uint64(id)))
	})
	if err != nil { // perhaps another process was first
		if kept, err2 := keptTree(ctx, db, key); err2 == nil && kept != 0 {
			return kept, nil
		}
	}
	return kept, err
}

func treeID(tx *store.Tx, key string) (int64, error) {
	value, err := tx.Meta(key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return 0, nil
	case err != nil:
		return 0, err
	case len(value) != 8:
		return 0, fmt.Errorf("%s in the registry's database is %s, not a tree id", key, strconv.Quote(string(value)))
	}
	return int64(binary.BigEndian.Uint64(value)), nil
}
