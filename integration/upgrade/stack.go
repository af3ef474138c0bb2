package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/warg-trillian/warg-trillian/integration/mariadb"
	"github.com/warg-trillian/warg-trillian/integration/trillian"
)

// stack is a MariaDB with Trillian's own servers on it.
type stack struct {
	database              *mariadb.Server
	trillian              []*trillian.Process
	registryDSN, trillDSN string
	flags                 []string // of a server that uses them
	closers               []func() error
}

// startStack starts a stack. The caller closes it, even on error.
func startStack(ctx context.Context, dir string) (*stack, error) {
	k := new(stack)
	home := filepath.Join(dir, "mariadb")
	if err := os.Mkdir(home, 0o700); err != nil {
		return k, err
	}
	var err error
	if k.database, err = mariadb.Run(home); err != nil {
		return k, err
	}
	k.closers = append(k.closers, k.database.Close)
	for _, dsn := range []*string{&k.registryDSN, &k.trillDSN} {
		if *dsn, err = k.database.NewDatabase(); err != nil {
			return k, err
		}
	}
	if err := trillian.LoadSchema(ctx, k.trillDSN); err != nil {
		return k, err
	}
	for _, run := range []func(trillian.Config) (*trillian.Process, error){trillian.RunSigner, trillian.RunLogServer} {
		p, err := run(trillian.Config{DSN: k.trillDSN})
		if err != nil {
			return k, err
		}
		k.trillian, k.closers = append(k.trillian, p), append(k.closers, p.Kill)
	}
	logServer := k.trillian[len(k.trillian)-1]
	k.flags = []string{"--database-url", k.registryDSN, "--trillian", logServer.RPC}
	return k, nil
}

// dump ends Trillian's servers and writes both databases into the data folder.
func (k *stack) dump(ctx context.Context, data string) error {
	for _, p := range k.trillian {
		if err := p.Kill(); err != nil {
			return err
		}
	}
	return errors.Join(dumpDatabase(ctx, k.registryDSN, filepath.Join(data, "registry.sql")),
		dumpDatabase(ctx, k.trillDSN, filepath.Join(data, "trillian.sql")))
}

func (k *stack) close() error {
	var errs []error
	for _, c := range slices.Backward(k.closers) {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}
