package trillian

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/mariadb"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/warg/follow"
)

// database is the server of all tests that leave it running.
var database *mariadb.Server

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "mariadb")
		if err == nil {
			defer os.RemoveAll(dir)
			database, err = mariadb.Run(dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer database.Close()
		return m.Run()
	}())
}

// newDatabase makes a database with Trillian's schema.
func newDatabase(t testing.TB) string {
	t.Helper()
	dsn := database.Database(t)
	Schema(t, dsn)
	return dsn
}

// newLog starts a log server and a signer on a database of their own, and opens
// a log.
func newLog(t testing.TB) (log *trilliansvc.Log, server, signer *Process) {
	t.Helper()
	c := Config{DSN: newDatabase(t)}
	server, signer = StartLogServer(t, c), StartSigner(t, c)
	return openLog(t, dial(t, trilliansvc.Options{Target: server.RPC})), server, signer
}

func dial(t testing.TB, o trilliansvc.Options) *trilliansvc.Service {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	o.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	s, err := trilliansvc.Dial(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func openLog(t testing.TB, s *trilliansvc.Service) *trilliansvc.Log {
	t.Helper()
	l, err := s.OpenLog(t.Context(), 0, "records")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// leaf is the i-th leaf of a test.
func leaf(i int) follow.Leaf {
	value := fmt.Appendf(nil, "leaf %d", i)
	return follow.Leaf{Value: value, ExtraData: fmt.Appendf(nil, "extra %d", i)}
}

func leaves(n int) []follow.Leaf {
	ls := make([]follow.Leaf, n)
	for i := range ls {
		ls[i] = leaf(i)
	}
	return ls
}

func queue(t testing.TB, l *trilliansvc.Log, ls ...follow.Leaf) {
	t.Helper()
	if err := l.Queue(t.Context(), ls); err != nil {
		t.Fatal(err)
	}
}

// awaitSize waits until the log has size leaves; it must not get more.
func awaitSize(t testing.TB, l *trilliansvc.Log, size uint64) follow.Root {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		root, err := l.Root(t.Context())
		switch {
		case err != nil:
			t.Fatal(err)
		case root.Size == size:
			return root
		case root.Size > size || time.Now().After(deadline):
			t.Fatalf("the log has %d leaves, want %d", root.Size, size)
		}
	}
}
