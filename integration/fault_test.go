package integration

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	killRounds   = 6
	killRecords  = 100             // acknowledged at least: a slow machine is given more rounds
	killTimeout  = 2 * time.Minute // far more than the test takes
	rootsChecked = 12              // map roots of checkpoints that were seen, computed anew
)

// TestKillUnderLoad kills the server at random moments while authors post chains
// of records and upload contents. What was acknowledged is published, once, and
// everything that was ever signed fits together.
func TestKillUnderLoad(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	key := operatorKey(t, s.dataDir).Public()
	l := newLoad(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), killTimeout)
	defer cancel()
	watchCtx, stopWatching := context.WithCancel(ctx)
	var watcher, authors sync.WaitGroup
	watcher.Go(func() { l.watch(watchCtx, key) })
	authors.Go(func() { l.run(ctx) })
	for round := 1; round <= killRounds || ctx.Err() == nil && !l.enough(); round++ {
		alive := 200*time.Millisecond + rand.N(time.Second)
		time.Sleep(alive * time.Duration(max(round/killRounds, 1))) // longer where it takes more rounds
		s.kill(t)
		s.start(t)
	}
	time.Sleep(200 * time.Millisecond)
	close(l.stop)
	authors.Wait()
	s.waitPublished(t, l.records...)
	stopWatching()
	watcher.Wait()
	for _, err := range l.faults {
		t.Error(err)
	}
	final, leaves := s.audit(t, l.records)
	auditSeen(t, s, l.seen(), final, leaves)
	t.Logf("%d records, %d checkpoints seen", len(l.records), len(l.checkpoints))
	if !l.enough() {
		t.Error("that is too little to show anything")
	}
}

// enough says whether what was acknowledged and seen can show anything.
func (l *load) enough() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.records) >= killRecords && len(l.checkpoints) >= 2*killRounds
}

// auditSeen checks that all checkpoints that were seen are of one history, the
// final one's.
func auditSeen(t *testing.T, s *server, seen []protocol.Checkpoint, final protocol.Checkpoint, leaves []protocol.LogLeaf) {
	t.Helper()
	for i, c := range seen {
		if c.LogLength > final.LogLength {
			t.Errorf("a checkpoint of length %d was seen, the newest has %d", c.LogLength, final.LogLength)
			continue
		}
		s.proveConsistent(t, c, final)
		if i%(len(seen)/rootsChecked+1) != 0 {
			continue
		}
		prefix := leaves[:c.LogLength]
		if log, heads := logRoot(prefix), mapRoot(prefix); log != c.LogRoot || heads != c.MapRoot {
			t.Errorf("the checkpoint of length %d was seen with roots %s and %s, its leaves give %s and %s",
				c.LogLength, c.LogRoot, c.MapRoot, log, heads)
		}
		last := prefix[len(prefix)-1]
		s.proveHead(t, c, c.LogLength-1, last)
	}
}

// operatorKey reads the key that a server made for itself.
func operatorKey(t *testing.T, dataDir string) protocol.PrivateKey {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dataDir, "operator.key"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := protocol.ParsePrivateKey(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}
