package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/warg-trillian/warg-trillian/integration/mariadb"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// twoLogs stores two logs and returns their ids.
func twoLogs(t *testing.T, db *store.DB) (a, b protocol.Hash) {
	t.Helper()
	a, b = protocol.HashOf([]byte("a")), protocol.HashOf([]byte("b"))
	err := db.Update(context.Background(), func(tx *store.Tx) error {
		return tx.Apply(&store.Changes{Logs: []*store.Log{{LogID: a, State: []byte{1}}, {LogID: b, State: []byte{1}}}})
	})
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

func lengthOf(t *testing.T, db *store.DB, id protocol.Hash) (length uint64) {
	t.Helper()
	err := db.View(context.Background(), func(tx *store.Tx) error {
		l, err := tx.Log(id)
		length = l.Length
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return length
}

// lengthen adds a record to a log that it locks.
func lengthen(tx *store.Tx, id protocol.Hash) error {
	l, err := tx.Log(id)
	if err != nil {
		return err
	}
	l.Length++
	return tx.Apply(&store.Changes{Logs: []*store.Log{&l}})
}

func TestMySQLDeadlock(t *testing.T) {
	dsn := mariadb.Start(t).Database(t)
	db := openMySQL(t, dsn)
	a, b := twoLogs(t, db)
	// Each locks one log, and the other's when both have theirs.
	var met, done sync.WaitGroup
	met.Add(2)
	var runs atomic.Int32
	for _, order := range [][2]protocol.Hash{{a, b}, {b, a}} {
		first := true
		done.Go(func() {
			err := db.Update(context.Background(), func(tx *store.Tx) error {
				runs.Add(1)
				if err := lengthen(tx, order[0]); err != nil {
					return err
				}
				if first {
					first = false
					met.Done()
					met.Wait()
				}
				return lengthen(tx, order[1])
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	if got := runs.Load(); got < 3 {
		t.Errorf("two transactions that lock each other out ran %d times in all, want one of them run again", got)
	}
	if la, lb := lengthOf(t, db, a), lengthOf(t, db, b); la != 2 || lb != 2 {
		t.Errorf("lengths %d and %d, want 2 and 2", la, lb)
	}
}

func TestMySQLLockNotGotInTime(t *testing.T) {
	dsn := mariadb.Start(t).Database(t)
	patient, hasty := openMySQL(t, dsn), openMySQL(t, dsn+"?innodb_lock_wait_timeout=1")
	a, _ := twoLogs(t, patient)
	locked := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		err := patient.Update(context.Background(), func(tx *store.Tx) error {
			if err := lengthen(tx, a); err != nil {
				return err
			}
			close(locked)
			time.Sleep(1500 * time.Millisecond)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-locked
	runs := 0
	err := hasty.Update(context.Background(), func(tx *store.Tx) error { runs++; return lengthen(tx, a) })
	done.Wait()
	if err != nil || runs < 2 || lengthOf(t, patient, a) != 2 {
		t.Errorf("after %d runs: %v, length %d, want 2", runs, err, lengthOf(t, patient, a))
	}
}

// killConnections ends all connections of the user that the tests are, and
// returns when they have ended.
func killConnections(t *testing.T, s *mariadb.Server) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var id int64
		err := s.Admin().QueryRow(`SELECT id FROM information_schema.processlist WHERE user = 'warg' LIMIT 1`).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("connection %d is not killed, error %v", id, err)
		}
		if err != nil {
			continue // MySQL cannot list statements with binary values in them
		}
		if _, err := s.Admin().Exec(fmt.Sprintf(`KILL CONNECTION %d`, id)); err != nil {
			t.Logf("connection %d: %v", id, err) // it has ended by itself
		}
	}
}

func TestMySQLConnectionLost(t *testing.T) {
	s := mariadb.Start(t)
	db := openMySQL(t, s.Database(t))
	a, _ := twoLogs(t, db)
	for name, run := range map[string]func(context.Context, func(*store.Tx) error) error{"update": db.Update, "view": db.View} {
		runs := 0
		err := run(context.Background(), func(tx *store.Tx) error {
			runs++
			if _, err := tx.Log(a); err != nil {
				return err
			}
			if runs == 1 {
				killConnections(t, s)
			}
			_, err := tx.Log(a)
			return err
		})
		if err != nil || runs != 2 {
			t.Errorf("%s whose connection was killed: %v after %d runs, want it run twice", name, err, runs)
		}
	}

	// A server that comes back soon is waited for.
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		if err := db.Update(context.Background(), func(tx *store.Tx) error { return lengthen(tx, a) }); err != nil {
			t.Errorf("update while the server starts: %v", err)
		}
	})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	done.Wait()
	if got := lengthOf(t, db, a); got != 1 {
		t.Errorf("length %d, want 1", got)
	}

	// One that does not is given up, and a caller who leaves is let go.
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	never := func(*store.Tx) error { t.Error("ran without a server"); return nil }
	if err := db.Update(ctx, never); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("caller who left: %v", err)
	}
	started := time.Now()
	if err := db.Update(context.Background(), never); err == nil || time.Since(started) > 10*time.Second {
		t.Errorf("without a server: %v after %v", err, time.Since(started))
	}
}

// resetting is a proxy to the database that can reset all connections, as a network does
// that has forgotten them.
type resetting struct {
	net.Listener
	mu    sync.Mutex
	conns []*net.TCPConn // guarded by mu; of clients
}

func newResetting(t *testing.T, to string) *resetting {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r := &resetting{Listener: l}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.conns = append(r.conns, client.(*net.TCPConn))
			r.mu.Unlock()
			go r.serve(client, to)
		}
	}()
	return r
}

func (r *resetting) serve(client net.Conn, to string) {
	server, err := net.Dial("tcp", to)
	if err != nil {
		client.Close()
		return
	}
	go func() {
		io.Copy(server, client)
		server.Close()
	}()
	io.Copy(client, server)
}

func (r *resetting) reset(t *testing.T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		if err := errors.Join(c.SetLinger(0), c.Close()); err != nil {
			t.Error(err)
		}
	}
}

// A process that stops after its database went away stops in good order.
func TestMySQLCloseWithoutServer(t *testing.T) {
	server := mariadb.Start(t)
	config, err := mysql.ParseDSN(server.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	network := newResetting(t, server.Addr())
	config.Addr = network.Addr().String()
	db, err := store.OpenMySQL(context.Background(), config.FormatDSN(), store.MySQLOptions{})
	if err != nil {
		t.Fatal(err)
	}
	twoLogs(t, db)
	network.reset(t)
	if err := db.Close(); err != nil {
		t.Errorf("closing what is broken already: %v", err)
	}
}

// cutter is a proxy to the database that cuts a connection when a commit is
// sent on it, before or after the server gets that.
type cutter struct {
	net.Listener
	to    string
	armed atomic.Bool
	after atomic.Bool // cut when the server has answered
}

func newCutter(t *testing.T, to string) *cutter {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	c := &cutter{Listener: l, to: to}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go c.serve(client)
		}
	}()
	return c
}

func (c *cutter) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer server.Close()
	var silent atomic.Bool // what the server says is not passed on
	go func() {
		defer client.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil || silent.Load() {
				return
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		if bytes.HasSuffix(buf[:n], []byte("COMMIT")) && c.armed.CompareAndSwap(true, false) {
			if !c.after.Load() {
				return
			}
			silent.Store(true)
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// A connection that is lost during a commit leaves its outcome open: nothing is
// run again.
func TestMySQLUnknownOutcome(t *testing.T) {
	s := mariadb.Start(t)
	c := newCutter(t, s.Addr())
	dsn := strings.Replace(s.Database(t), s.Addr(), c.Addr().String(), 1)
	db := openMySQL(t, dsn)
	a, _ := twoLogs(t, db)
	want := uint64(0)
	for _, after := range []bool{false, true} {
		for name, run := range map[string]func(context.Context, func(*store.Tx) error) error{"update": db.Update} {
			c.after.Store(after)
			c.armed.Store(true)
			runs := 0
			err := run(context.Background(), func(tx *store.Tx) error { runs++; return lengthen(tx, a) })
			if after {
				want++
			}
			what := fmt.Sprintf("%s, cut after the commit: %v", name, after)
			if !errors.Is(err, store.ErrUnknownOutcome) || runs != 1 {
				t.Errorf("%s: %v after %d runs, want ErrUnknownOutcome after one", what, err, runs)
			}
			if got := lengthOf(t, db, a); got != want {
				t.Errorf("%s: length %d, want %d", what, got, want)
			}
		}
	}
	// A view has read what it wanted by then.
	c.armed.Store(true)
	if got := lengthOf(t, db, a); got != want || c.armed.Load() {
		t.Errorf("a view whose commit was cut: length %d, want %d", got, want)
	}
}
