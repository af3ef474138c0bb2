// Command upgrade makes the data of a registry as a server of an earlier version
// leaves it: with much that is published, with records that wait for content and
// others accepted behind them, and with records under way when the server was
// killed. The tests of upgrading open that data with the server of today.
//
//	go run ./integration/upgrade -server /path/to/warg-personality -commit 23255de -out testdata/upgrade/sqlite.tar.gz
//	go run ./integration/upgrade -server /path/to/warg-personality -commit 23255de -out testdata/upgrade/mysql.tar.gz -stack
//
// The archive holds the files and a manifest of what must be true of them. With
// -stack the program starts MariaDB and Trillian's own servers (see `make
// tools`), and the archive has dumps of both databases.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/warg-trillian/warg-trillian/integration/upgrade/manifest"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// operatorKeyFile is the name of the operator's key in the data folder.
const operatorKeyFile = "operator.key"

type settings struct {
	server, commit, out string
	stack               bool
}

func main() {
	var s settings
	flag.StringVar(&s.server, "server", "", "warg-personality program of the earlier version")
	flag.StringVar(&s.commit, "commit", "", "commit that it was built from, for the manifest")
	flag.StringVar(&s.out, "out", "", "archive to write")
	flag.BoolVar(&s.stack, "stack", false, "keep the data in MariaDB and Trillian's own servers, not in a folder")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "upgrade:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) (err error) {
	if s.server == "" || s.commit == "" || s.out == "" {
		return errors.New("-server, -commit and -out are needed")
	}
	dir, err := os.MkdirTemp("", "upgrade-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	data := filepath.Join(dir, "data")
	if err := newDataFolder(data); err != nil {
		return err
	}
	r := &runner{binary: s.server, data: data}
	keep := func() error { return mergeLogs(ctx, data) }
	if s.stack {
		k, err := startStack(ctx, dir)
		defer func() { err = errors.Join(err, k.close()) }()
		if err != nil {
			return err
		}
		r.flags = k.flags
		keep = func() error { return k.dump(ctx, data) }
	}
	m, err := publish(ctx, r, s.commit)
	if err != nil {
		return err
	}
	return errors.Join(keep(), m.Write(data), archive(data, s.out))
}

// newDataFolder makes a data folder with a key in it.
func newDataFolder(data string) error {
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(data, operatorKeyFile), []byte(key.Text()+"\n"), 0o600)
}

// publish runs the server twice: once to its orderly end, and then with
// checkpoints so rare that what is posted is under way when it is killed.
func publish(ctx context.Context, r *runner, commit string) (*manifest.Manifest, error) {
	b := &builder{contents: map[protocol.Hash][]byte{}}
	err := r.during(ctx, nil, syscall.SIGTERM, func(url string) error {
		b.url = url
		return errors.Join(b.publishAll(ctx), b.makeWait(ctx))
	})
	if err != nil {
		return nil, err
	}
	m := &manifest.Manifest{MadeBy: commit, Contents: b.contents}
	return m, r.during(ctx, []string{"--checkpoint-interval", "24h"}, syscall.SIGKILL, func(url string) error {
		b.url = url
		if err := b.putInFlight(ctx); err != nil {
			return err
		}
		return b.describe(ctx, m)
	})
}
