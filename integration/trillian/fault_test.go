package trillian

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/warg-trillian/warg-trillian/integration/mariadb"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/warg/follow"
)

// writers queue leaves, each in turn, while something goes wrong.
type writers struct {
	running sync.WaitGroup
	stop    context.CancelFunc

	mu      sync.Mutex
	leaves  []follow.Leaf // whose Queue returned; guarded by mu
	longest time.Duration // that a Queue took; guarded by mu
}

// startWriters starts eight of them. Any error of theirs fails the test.
func startWriters(t *testing.T, l *trilliansvc.Log) *writers {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	w := &writers{stop: stop}
	for n := range 8 {
		w.running.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				leaf := leaf(n*1_000_000 + i)
				begin := time.Now()
				if err := l.Queue(t.Context(), []follow.Leaf{leaf}); err != nil {
					t.Errorf("writer %d after %v: %v", n, time.Since(begin), err)
					return
				}
				w.mu.Lock()
				w.leaves, w.longest = append(w.leaves, leaf), max(w.longest, time.Since(begin))
				w.mu.Unlock()
			}
		})
	}
	w.await(t, 20, 10*time.Second)
	return w
}

func (w *writers) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.leaves)
}

// await waits until so many more leaves are queued.
func (w *writers) await(t *testing.T, more int, within time.Duration) {
	t.Helper()
	begin, want := time.Now(), w.count()+more
	for w.count() < want {
		if t.Failed() || time.Since(begin) > within {
			t.Fatalf("%d of %d leaves queued in %v", w.count()-want+more, more, within)
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Logf("%d more leaves after %v", more, time.Since(begin).Round(time.Millisecond))
}

// end ends them and checks that each leaf is in the log once.
func (w *writers) end(t *testing.T, l *trilliansvc.Log) {
	t.Helper()
	w.stop()
	w.running.Wait()
	readAll(t, l, w.leaves)
	t.Logf("%d leaves, the longest Queue took %v", len(w.leaves), w.longest.Round(time.Millisecond))
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLogServerKilled(t *testing.T) {
	t.Parallel()
	l, server, _ := newLog(t)
	w := startWriters(t, l)
	for range 3 {
		ok(t, server.Kill())
		time.Sleep(300 * time.Millisecond)
		ok(t, server.Start())
		w.await(t, 20, 3*time.Second)
	}
	w.end(t, l)
}

// Stopped in good order, as for an upgrade.
func TestLogServerStopped(t *testing.T) {
	t.Parallel()
	l, server, _ := newLog(t)
	w := startWriters(t, l)
	ok(t, server.Stop())
	ok(t, server.Start())
	w.await(t, 20, 3*time.Second)
	w.end(t, l)
}

func TestSignerKilled(t *testing.T) {
	t.Parallel()
	l, _, signer := newLog(t)
	w := startWriters(t, l)
	for range 3 {
		ok(t, signer.Kill())
		w.await(t, 20, 10*time.Second) // queueing goes on
		ok(t, signer.Start())
	}
	w.end(t, l)
}

func TestDatabaseKilled(t *testing.T) {
	t.Parallel()
	database := mariadb.Start(t)
	dsn := database.Database(t)
	Schema(t, dsn)
	server := StartLogServer(t, Config{DSN: dsn})
	StartSigner(t, Config{DSN: dsn})
	l := openLog(t, dial(t, trilliansvc.Options{Target: server.RPC}))
	w := startWriters(t, l)
	ok(t, database.Kill())
	time.Sleep(500 * time.Millisecond)
	ok(t, database.Start())
	w.await(t, 20, 5*time.Second)
	w.end(t, l)
}

func TestNetworkHangs(t *testing.T) {
	t.Parallel()
	c := Config{DSN: newDatabase(t)}
	server := StartLogServer(t, c)
	StartSigner(t, c)
	proxy := StartProxy(t, server.RPC)
	l := openLog(t, dial(t, trilliansvc.Options{Target: proxy.Addr()}))
	w := startWriters(t, l)

	proxy.Switch(t, Hang)
	// A call that waits less than it takes to notice.
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := l.Root(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), proxy.Addr()) {
		t.Errorf("a call through a network that hangs: %v", err)
	}
	// One that waits longer is told why it fails.
	ctx, cancel = context.WithTimeout(t.Context(), 18*time.Second)
	defer cancel()
	if _, err := l.Root(ctx); status.Code(err) != codes.Unavailable && !strings.Contains(err.Error(), "while waiting for connection") {
		t.Errorf("a call through a network that hangs for long: %v", err)
	}
	proxy.Switch(t, Forward)
	w.await(t, 20, 5*time.Second)

	proxy.Switch(t, Refuse)
	time.Sleep(3 * time.Second)
	proxy.Switch(t, Forward)
	w.await(t, 20, 2500*time.Millisecond)
	w.end(t, l)
}

// A hang that is over before it is noticed costs nothing but the time.
func TestNetworkHangsBriefly(t *testing.T) {
	t.Parallel()
	c := Config{DSN: newDatabase(t)}
	server := StartLogServer(t, c)
	StartSigner(t, c)
	proxy := StartProxy(t, server.RPC)
	l := openLog(t, dial(t, trilliansvc.Options{Target: proxy.Addr()}))
	w := startWriters(t, l)
	proxy.Switch(t, Hang)
	time.Sleep(2 * time.Second)
	proxy.Switch(t, Forward)
	w.await(t, 20, 2*time.Second)
	w.end(t, l)
}

// Only a log server that hangs, with its machine answering.
func TestLogServerHangs(t *testing.T) {
	t.Parallel()
	c := Config{DSN: newDatabase(t)}
	server := StartLogServer(t, c)
	StartSigner(t, c)
	l := openLog(t, dial(t, trilliansvc.Options{Target: server.RPC, CallTimeout: time.Second}))
	ok(t, server.Pause())
	var err error
	var taken time.Duration
	for end := time.Now().Add(5 * time.Second); err == nil && time.Now().Before(end); {
		begin := time.Now()
		_, err = l.Root(t.Context())
		taken = time.Since(begin)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call to a server that hangs: %v", err)
	}
	if taken > 3*time.Second {
		t.Errorf("a call with a timeout of 1 s took %v", taken)
	}
	ok(t, server.Resume())
	queue(t, l, leaves(10)...)
	readAll(t, l, leaves(10))
}

// A Trillian whose quota is used up, as it may be while its signer stands
// still.
func TestQuotaExhausted(t *testing.T) {
	t.Parallel()
	c := Config{DSN: newDatabase(t)}
	server := StartLogServer(t, c)
	l := openLog(t, dial(t, trilliansvc.Options{Target: server.RPC}))
	c.Args = []string{"--quota_system=mysql", "--max_unsequenced_rows=0"}
	exhausted := StartLogServer(t, c)
	s := dial(t, trilliansvc.Options{Target: exhausted.RPC, CallTimeout: time.Second})
	same, err := s.OpenLog(t.Context(), l.ID(), "")
	ok(t, err)
	begin := time.Now()
	err = same.Queue(t.Context(), leaves(1))
	if status.Code(err) != codes.ResourceExhausted || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "signer") {
		t.Errorf("error %v", err)
	}
	if taken := time.Since(begin); taken < time.Second/2 {
		t.Errorf("given up after %v, before the call's timeout", taken)
	}
}
