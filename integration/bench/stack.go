package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	trillianapi "github.com/google/trillian"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/warg-trillian/warg-trillian/integration/mariadb"
	"github.com/warg-trillian/warg-trillian/integration/trillian"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// stack is a MariaDB, durable as in production, with Trillian's own log server
// and signer on it, for personalities that share a database there.
type stack struct {
	settings *settings
	dir      string
	database *mariadb.Server
	trillian *trillian.Process // the log server
	dsn      string            // of the personalities' database
	content  string            // their folder
	keyFile  string
	closers  []func() error // in the order of opening
}

// startStack starts all but the personalities, Trillian's servers with further
// flags. The caller closes it, even on error.
func (s *settings) startStack(ctx context.Context, trillianFlags ...string) (*stack, error) {
	k := &stack{settings: s}
	var err error
	if k.dir, err = os.MkdirTemp(s.dir, "stack-"); err != nil {
		return k, err
	}
	if k.database, err = mariadb.Run(k.dir); err != nil {
		return k, err
	}
	k.closers = append(k.closers, k.database.Close)
	dsn, err := k.database.NewDatabase()
	if err != nil {
		return k, err
	}
	if err := trillian.LoadSchema(ctx, dsn); err != nil {
		return k, err
	}
	for _, run := range []func(trillian.Config) (*trillian.Process, error){trillian.RunSigner, trillian.RunLogServer} {
		if k.trillian, err = run(trillian.Config{DSN: dsn, Args: trillianFlags}); err != nil {
			return k, err
		}
		k.closers = append(k.closers, k.trillian.Kill)
	}
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		return k, err
	}
	k.keyFile = filepath.Join(k.dir, "operator.key")
	return k, os.WriteFile(k.keyFile, []byte(key.Text()), 0o600)
}

func (k *stack) close() error {
	var errs []error
	for _, c := range slices.Backward(k.closers) {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// newRegistry gives the personalities that start from now on an empty database
// and an empty folder of content.
func (k *stack) newRegistry() (err error) {
	if k.dsn, err = k.database.NewDatabase(); err != nil {
		return err
	}
	k.content, err = os.MkdirTemp(k.dir, "content-")
	return err
}

// personality starts a personality with a data folder of its own, which is made,
// and further flags.
func (k *stack) personality(ctx context.Context, name string, flags ...string) (*server, error) {
	data := filepath.Join(k.dir, name)
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	return k.settings.start(ctx, data, append(flags, "--operator-key-file", k.keyFile, "--content-dir", k.content,
		"--database-url", k.dsn, "--trillian", k.trillian.RPC)...)
}

// deleteTrees deletes all trees, for those of a run that is over would cost the
// signer its passes in the next.
func (k *stack) deleteTrees(ctx context.Context) error {
	conn, err := grpc.NewClient(k.trillian.RPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	admin := trillianapi.NewTrillianAdminClient(conn)
	trees, err := admin.ListTrees(ctx, &trillianapi.ListTreesRequest{})
	if err != nil {
		return err
	}
	for _, tree := range trees.Tree {
		if _, err := admin.DeleteTree(ctx, &trillianapi.DeleteTreeRequest{TreeId: tree.TreeId}); err != nil {
			return err
		}
	}
	return nil
}

// sequenced measures how many leaves a second Trillian sequences by itself, in a
// new log, with nobody else at work, and what processor time went where.
func (k *stack) sequenced(ctx context.Context, name string, leaves, size, concurrency int) (rate float64, took string, err error) {
	service, err := trilliansvc.Dial(ctx, trilliansvc.Options{Target: k.trillian.RPC, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		return 0, "", err
	}
	defer service.Close()
	log, err := service.OpenLog(ctx, 0, name)
	if err != nil {
		return 0, "", err
	}
	defer func() { err = closing(err, func() error { return k.deleteTrees(ctx) }) }()
	took, err = processorTime(leaves, func() (err error) {
		rate, err = trillian.MeasureSequencing(ctx, log, leaves, size, concurrency)
		return err
	})
	if err != nil {
		return 0, "", fmt.Errorf("Trillian alone, %d at a time: %w", concurrency, err)
	}
	return rate, took, nil
}
