package personality

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

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
	// Of a remote one there may be several, and leaves sent to two of them are
	// sequenced in any order.
	remoteInFlightPerLog = 1
)

// Trillian says where the two logs are. It is an [EmbeddedTrillian] or a
// [RemoteTrillian]: who reads the settings chooses one, and nobody else asks
// which.
type Trillian interface {
	open(ctx context.Context, s *Server, db *store.DB) (trillianLogs, error)
	// service starts the Trillian in a folder, or connects to the one elsewhere. To be closed.
	service(ctx context.Context, s *Server, dir string) (*trilliansvc.Service, error)
}

// trillianLogs are the two logs, open.
type trillianLogs struct {
	records, checkpoints *trilliansvc.Log
	inFlightPerLog       int // see [publisher.Options]
}

// EmbeddedTrillian is a log server and a signer in this process.
type EmbeddedTrillian struct {
	Dir string // folder of its database; made if missing
}

func (e EmbeddedTrillian) open(ctx context.Context, s *Server, _ *store.DB) (trillianLogs, error) {
	logs := trillianLogs{inFlightPerLog: embeddedInFlightPerLog}
	service, err := e.service(ctx, s, e.Dir)
	if err != nil {
		return logs, err
	}
	s.closers = append(s.closers, service.Close)
	if logs.records, err = service.OpenLog(ctx, 0, recordsLogName); err != nil {
		return logs, fmt.Errorf("open the records log: %w", err)
	}
	if logs.checkpoints, err = service.OpenLog(ctx, 0, checkpointsLogName); err != nil {
		return logs, fmt.Errorf("open the checkpoints log: %w", err)
	}
	return logs, nil
}

func (EmbeddedTrillian) service(ctx context.Context, s *Server, dir string) (*trilliansvc.Service, error) {
	service, err := trilliansvc.Embedded(ctx, dir, s.options.Logger, s.options.Tracing.DialOptions()...)
	if err != nil {
		return nil, fmt.Errorf("start the embedded Trillian: %w", err)
	}
	return service, nil
}

// RemoteTrillian is a log server elsewhere, with signers of its own. Several
// registries' processes may use it.
type RemoteTrillian struct {
	Server trilliansvc.Options // the logger and the dial options are filled in
	// RecordsTree and CheckpointsTree are the ids of existing trees to use at
	// the first start; 0: new ones.
	RecordsTree, CheckpointsTree int64
}

func (r RemoteTrillian) open(ctx context.Context, s *Server, db *store.DB) (trillianLogs, error) {
	logs := trillianLogs{inFlightPerLog: remoteInFlightPerLog}
	service, err := r.service(ctx, s, "")
	if err != nil {
		return logs, err
	}
	s.closers = append(s.closers, service.Close)
	if logs.records, err = s.openRemoteLog(ctx, service, db, recordsLogName, recordsTreeKey, r.RecordsTree); err != nil {
		return logs, err
	}
	if logs.checkpoints, err = s.openRemoteLog(ctx, service, db, checkpointsLogName, checkpointsTreeKey, r.CheckpointsTree); err != nil {
		return logs, err
	}
	s.options.Logger.Info("using Trillian trees; keep their ids", "records_tree", logs.records.ID(), "checkpoints_tree", logs.checkpoints.ID())
	return logs, nil
}

func (r RemoteTrillian) service(ctx context.Context, s *Server, _ string) (*trilliansvc.Service, error) {
	o := r.Server
	o.Logger, o.DialOptions = s.options.Logger, s.options.Tracing.DialOptions()
	return trilliansvc.Dial(ctx, o)
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
