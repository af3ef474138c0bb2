package sqlitestorage_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/trillian"
	"github.com/google/trillian/storage"
	"github.com/google/trillian/storage/testonly"
	"github.com/google/trillian/types"

	"github.com/warg-trillian/warg-trillian/personality/sqlitestorage"
)

// The test binary runs itself as the process that is killed; these variables say
// what it is to do then.
const (
	childDir   = "SQLITESTORAGE_TEST_DIR"
	childFirst = "SQLITESTORAGE_TEST_FIRST" // number of the first leaf; unset: open the storage and say so
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir, os.Getenv(childFirst)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// child puts the storage under load until it is killed, and prints what has been
// acknowledged: "leaf NUMBER" and "root SIZE HASH".
func child(dir, first string) error {
	s, err := sqlitestorage.Open(dir)
	if err != nil {
		return err
	}
	if first == "" {
		fmt.Println("open")
		select {}
	}
	trees, err := storage.ListTrees(context.Background(), s.AdminStorage(), false)
	if err != nil {
		return err
	}
	tree := trees[0]
	var start int
	if _, err := fmt.Sscan(first, &start); err != nil {
		return err
	}
	failed := make(chan error)
	const workers = 12
	for w := range workers {
		go func() {
			for i := start + w; ; i += workers {
				if _, err := s.LogStorage().QueueLeaves(context.Background(), tree, []*trillian.LogLeaf{leafNumber(i)}, time.Now()); err != nil {
					failed <- err
					return
				}
				fmt.Printf("leaf %d\n", i) // one write of a few bytes: whole lines or nothing
			}
		}()
	}
	go func() {
		for {
			if _, err := integrateBatch(s, tree); err != nil {
				failed <- err
				return
			}
			root, err := latest(s, tree)
			if err != nil {
				failed <- err
				return
			}
			fmt.Printf("root %d %x\n", root.TreeSize, root.RootHash)
		}
	}()
	return <-failed
}

func latest(s *sqlitestorage.Storage, tree *trillian.Tree) (root types.LogRootV1, err error) {
	snap, err := s.LogStorage().SnapshotForTree(context.Background(), tree)
	if err != nil {
		return root, err
	}
	defer snap.Close()
	signed, err := snap.LatestSignedLogRoot(context.Background())
	if err != nil {
		return root, err
	}
	return root, root.UnmarshalBinary(signed.LogRoot)
}

// run starts the test binary as a child and returns a reader of its lines.
func run(t *testing.T, dir string, env ...string) (*exec.Cmd, *bufio.Scanner, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), childDir+"="+dir), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out), &stderr
}

// A process is killed in the middle of queueing and integrating, again and
// again. Whatever it had acknowledged is in the log, once, and each root that it
// had seen is a root of the log as it is now.
func TestKilledUnderLoad(t *testing.T) {
	dir := t.TempDir()
	s, err := sqlitestorage.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	tree := createTree(t, s, testonly.LogTree)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	acknowledged := make(map[int]bool)
	roots := make(map[uint64]string)
	for round := range 6 {
		before := len(acknowledged)
		killUnderLoad(t, dir, round, acknowledged, roots)
		if len(acknowledged) == before {
			t.Fatalf("round %d: nothing was acknowledged", round)
		}
		checkAfterKill(t, dir, tree, acknowledged, roots)
	}
	t.Logf("%d leaves and %d roots acknowledged", len(acknowledged), len(roots))
}

func killUnderLoad(t *testing.T, dir string, round int, acknowledged map[int]bool, roots map[uint64]string) {
	t.Helper()
	cmd, lines, stderr := run(t, dir, fmt.Sprint(childFirst, "=", round*1_000_000))
	var once sync.Once
	for lines.Scan() {
		once.Do(func() { // once it is at work, the time of its death is left to chance
			time.AfterFunc(time.Duration(50+rand.IntN(300))*time.Millisecond, func() { cmd.Process.Kill() })
		})
		var leaf int
		var size uint64
		var hash string
		if n, _ := fmt.Sscanf(lines.Text(), "leaf %d", &leaf); n == 1 {
			acknowledged[leaf] = true
		} else if n, _ := fmt.Sscanf(lines.Text(), "root %d %s", &size, &hash); n == 2 && len(hash) == 64 {
			roots[size] = hash
		}
	}
	if err := cmd.Wait(); err == nil || stderr.Len() > 0 {
		t.Fatalf("the child ended by itself: %v %s", err, stderr)
	}
}

func checkAfterKill(t *testing.T, dir string, tree *trillian.Tree, acknowledged map[int]bool, roots map[uint64]string) {
	t.Helper()
	s, err := sqlitestorage.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	read(t, s, tree) // as it was left
	mustIntegrate(t, s, tree)
	_, leaves := read(t, s, tree)
	times := make(map[int]int)
	for _, l := range leaves {
		times[number(l)]++
	}
	for i := range acknowledged {
		if times[i] != 1 {
			t.Errorf("leaf %d was acknowledged and is there %d times", i, times[i])
		}
	}
	for i, n := range times {
		if n != 1 {
			t.Errorf("leaf %d is there %d times", i, n)
		}
	}
	for size, hash := range roots {
		if size > uint64(len(leaves)) {
			t.Errorf("a root of size %d was seen, the log has %d leaves", size, len(leaves))
		} else if got := fmt.Sprintf("%x", rootOf(t, leaves[:size])); size > 0 && got != hash {
			t.Errorf("the root of size %d was %s and is %s", size, hash, got)
		}
	}
}

// While another process has the folder, it cannot be opened; when that one is
// dead, it can.
func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	cmd, lines, stderr := run(t, dir)
	if !lines.Scan() || lines.Text() != "open" {
		t.Fatalf("the child says %q, %s", lines.Text(), stderr)
	}
	_, err := sqlitestorage.Open(dir)
	if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), sqlitestorage.ErrInUse.Error()) {
		t.Errorf("error %v", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	openIn(t, dir)
}
