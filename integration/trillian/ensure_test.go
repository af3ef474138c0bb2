package trillian

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/trillian"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
)

// choices is the table in which personalities keep their trees.
type choices struct{ db *sql.DB }

func newChoices(t *testing.T) choices {
	t.Helper()
	db, err := sql.Open("mysql", database.Database(t))
	ok(t, err)
	t.Cleanup(func() { db.Close() })
	_, err = db.Exec(`CREATE TABLE choices (name VARCHAR(20) PRIMARY KEY, tree BIGINT NOT NULL)`)
	ok(t, err)
	return choices{db}
}

func (c choices) load(ctx context.Context) (id int64, err error) {
	err = c.db.QueryRowContext(ctx, `SELECT tree FROM choices WHERE name = 'records'`).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

func (c choices) claim(ctx context.Context, id int64) (int64, error) {
	if _, err := c.db.ExecContext(ctx, `INSERT IGNORE INTO choices VALUES ('records', ?)`, id); err != nil {
		return 0, err
	}
	return c.load(ctx)
}

// admin is the admin service of a log server, as its operator uses it.
func admin(t *testing.T, server *Process) trillian.TrillianAdminClient {
	t.Helper()
	conn, err := grpc.NewClient(server.RPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	ok(t, err)
	t.Cleanup(func() { conn.Close() })
	return trillian.NewTrillianAdminClient(conn)
}

// trees returns the ids of the trees that are not deleted.
func trees(t *testing.T, a trillian.TrillianAdminClient) (ids []int64) {
	t.Helper()
	resp, err := a.ListTrees(t.Context(), &trillian.ListTreesRequest{})
	ok(t, err)
	for _, tree := range resp.Tree {
		ids = append(ids, tree.TreeId)
	}
	return ids
}

func createTree(t *testing.T, a trillian.TrillianAdminClient) *trillian.Tree {
	t.Helper()
	tree, err := a.CreateTree(t.Context(), &trillian.CreateTreeRequest{Tree: &trillian.Tree{
		TreeState: trillian.TreeState_ACTIVE, TreeType: trillian.TreeType_LOG,
		DisplayName: "records", MaxRootDuration: durationpb.New(0),
	}})
	ok(t, err)
	return tree
}

// open opens a log eight times at once, half of them through each of two log
// servers.
func open(t *testing.T, servers []*Process, open func(context.Context, *trilliansvc.Service) (*trilliansvc.Log, error)) (ids []int64) {
	t.Helper()
	ids = make([]int64, 8)
	var running sync.WaitGroup
	for i := range ids {
		s := dial(t, trilliansvc.Options{Target: servers[i%len(servers)].RPC})
		running.Go(func() {
			l, err := open(t.Context(), s)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = l.ID()
			if root, err := l.Root(t.Context()); err != nil || root.Size != 0 {
				t.Errorf("size %d, error %v", root.Size, err)
			}
		})
	}
	running.Wait()
	return ids
}

// Personalities that start at once use one tree and leave no other, nor do they
// touch the tree of the same name that someone else has.
func TestEnsureLogAtOnce(t *testing.T) {
	t.Parallel()
	c := Config{DSN: newDatabase(t)}
	servers := []*Process{StartLogServer(t, c), StartLogServer(t, c)}
	StartSigner(t, c)
	a := admin(t, servers[0])
	theirs := createTree(t, a)
	for range 5 {
		choices := newChoices(t)
		before := trees(t, a)
		ensure := func(ctx context.Context, s *trilliansvc.Service) (*trilliansvc.Log, error) {
			return s.EnsureLog(ctx, "records", choices.load, choices.claim)
		}
		ids := open(t, servers, ensure)
		if len(slices.Compact(slices.Sorted(slices.Values(ids)))) != 1 || ids[0] == theirs.TreeId {
			t.Fatalf("opened the trees %v; %d is not theirs", ids, theirs.TreeId)
		}
		if again := open(t, servers, ensure); !slices.Equal(again, ids) {
			t.Errorf("opened %v, then %v", ids, again)
		}
		if after := trees(t, a); len(after) != len(before)+1 {
			t.Errorf("trees before %v, after %v, want one more", before, after)
		}
	}
}

func TestEnsureLogOfAnotherTrillian(t *testing.T) {
	t.Parallel()
	server := StartLogServer(t, Config{DSN: newDatabase(t)})
	choices := newChoices(t)
	_, err := choices.claim(t.Context(), 12345)
	ok(t, err)
	_, err = dial(t, trilliansvc.Options{Target: server.RPC}).EnsureLog(t.Context(), "records", choices.load, choices.claim)
	if err == nil || !strings.Contains(err.Error(), "12345") {
		t.Errorf("a tree that is not there: %v", err)
	}
	if ids := trees(t, admin(t, server)); len(ids) > 0 {
		t.Errorf("the trees %v were created", ids)
	}
}

// A tree that createtree or an operator has made, opened by all at once before it
// was initialised.
func TestInitialiseAtOnce(t *testing.T) {
	t.Parallel()
	c := Config{DSN: newDatabase(t)}
	servers := []*Process{StartLogServer(t, c), StartLogServer(t, c)}
	signer := StartSigner(t, c)
	a := admin(t, servers[1])
	for range 5 {
		tree := createTree(t, a)
		ids := open(t, servers, func(ctx context.Context, s *trilliansvc.Service) (*trilliansvc.Log, error) {
			return s.OpenLog(ctx, tree.TreeId, "")
		})
		if len(slices.Compact(ids)) != 1 || ids[0] != tree.TreeId {
			t.Errorf("opened the trees %v instead of %d", ids, tree.TreeId)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := trilliansvc.Dial(ctx, trilliansvc.Options{Target: signer.RPC}); err == nil || !strings.Contains(err.Error(), "signer") {
		t.Errorf("the signer as log server: %v", err)
	}
}
