package reader_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/warg-trillian/warg-trillian/integration/mariadb"
	"github.com/warg-trillian/warg-trillian/integration/trillian"
	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
)

// isAway checks that an error says which part is away.
func isAway(t *testing.T, what string, err error, part string) {
	t.Helper()
	away, ok := errors.AsType[*registry.UnavailableError](err)
	if !ok || away.Part != part || away.Reason == "" {
		t.Errorf("%s: %v, want that %s is not available", what, err, part)
	}
}

// maxWait is far more than a read may take on any machine, and less than the limits that
// the driver has here: a read that waits for those ends by its context, which is a failure.
const maxWait = time.Minute

// While the database is away, in either way, every read says so by itself; when it is back, reads are served again.
func TestDatabaseIsAway(t *testing.T) {
	server := mariadb.Start(t)
	network := trillian.StartProxy(t, server.Addr())
	config, err := mysql.ParseDSN(server.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	config.Addr = network.Addr()
	config.Timeout, config.ReadTimeout, config.WriteTimeout = time.Hour, time.Hour, time.Hour
	db, err := store.OpenMySQL(context.Background(), config.FormatDSN(), store.MySQLOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s := registrytest.New(t)
	s.Must(s.Options.Store.Close())
	s.Options.Store = db
	s.Renew()
	s.InitOperator(admission.Namespaces{Defined: []string{"example"}})
	s.Start()
	s.Load("example:p0", 0)
	s.Stop()
	for _, mode := range []trillian.Mode{trillian.Refuse, trillian.Hang} {
		network.Switch(t, mode)
		var asking sync.WaitGroup
		reads := everyRead(s)
		delete(reads, "Stats") // for metrics: it may take longer
		for name, ask := range reads {
			asking.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), maxWait)
				defer cancel()
				isAway(t, name, ask(ctx), registry.PartDatabase)
			})
		}
		asking.Wait()
		network.Switch(t, trillian.Forward)
		s.Eventually("the database is back", func() bool { return s.ReadyDatabase(context.Background()) == nil })
	}
}

// While Trillian is away, proofs say so and everything else is served.
func TestTrillianIsAway(t *testing.T) {
	s, a := watched(t, 1)
	for name, answer := range map[string]func(context.Context) error{
		"away":  func(context.Context) error { return awayError{} },
		"hangs": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		a.answer(answer)
		ctx, cancel := context.WithTimeout(context.Background(), maxWait)
		reads := everyRead(s)
		for _, proof := range []string{"ProveInclusion", "ProveConsistency"} {
			isAway(t, name+": "+proof, reads[proof](ctx), registry.PartTrillian)
		}
		for _, read := range []string{"LatestCheckpoint", "Names", "Leaves", "FetchLogs", "Stats"} {
			if err := reads[read](ctx); err != nil {
				t.Errorf("%s: %s: %v", name, read, err)
			}
		}
		cancel()
	}
	// What Trillian says is wrong is not called away.
	a.answer(func(context.Context) error { return errBroken })
	for _, proof := range []string{"ProveInclusion", "ProveConsistency"} {
		err := everyRead(s)[proof](context.Background())
		if _, away := errors.AsType[*registry.UnavailableError](err); away || !errors.Is(err, errBroken) {
			t.Errorf("%s of a broken log: %v", proof, err)
		}
	}
}

// A request that ended ends its reads, by its own error: it is nobody's fault.
func TestEndedRequests(t *testing.T) {
	s, _ := watched(t, 1)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	defer cancel()
	for name, ask := range everyRead(s) {
		for ctx, want := range map[context.Context]error{gone: context.Canceled, late: context.DeadlineExceeded} {
			err := ask(ctx)
			if _, away := errors.AsType[*registry.UnavailableError](err); away || !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		}
	}
}

// A database that is closed, as while the process stops, is an error of every
// read.
func TestClosedDatabase(t *testing.T) {
	s, _ := watched(t, 1)
	s.Stop()
	reads := everyRead(s)
	s.Must(s.Options.Store.Close())
	for name, ask := range reads {
		if err := ask(context.Background()); err == nil {
			t.Errorf("%s of a closed database succeeded", name)
		}
	}
}
