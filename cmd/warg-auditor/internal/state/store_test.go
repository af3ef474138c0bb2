package state_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/cmd/warg-auditor/internal/state"
	"github.com/warg-trillian/warg-trillian/warg/audit"
)

func open(t testing.TB, dir string) *state.Store {
	t.Helper()
	s, err := state.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// The store does what the one in memory does, whatever is put, removed and asked for.
func TestStoreLikeMemory(t *testing.T) {
	dir := t.TempDir()
	temporary, err := state.Temporary()
	if err != nil {
		t.Fatal(err)
	}
	defer temporary.Close()
	kept := open(t, dir)
	memory := new(audit.MemoryStore)
	random := rand.New(rand.NewPCG(1, 2))
	key := func() []byte { return bytes.Repeat([]byte{byte(random.IntN(5))}, random.IntN(4)) }
	ctx := t.Context()
	for round := range 200 {
		var changes []audit.Put
		for range random.IntN(6) {
			c := audit.Put{Space: fmt.Sprintf("space%d", random.IntN(2)), Key: key()}
			if random.IntN(3) > 0 {
				c.Value = bytes.Repeat([]byte("v"), random.IntN(3))
				c.Value = append([]byte{}, c.Value...) // empty, not nil
			}
			changes = append(changes, c)
		}
		for _, s := range []audit.Store{memory, kept, temporary} {
			if err := s.Commit(ctx, changes); err != nil {
				t.Fatal(err)
			}
		}
		if round%50 == 0 {
			if err := kept.Close(); err != nil {
				t.Fatal(err)
			}
			kept = open(t, dir)
		}
		space, asked, limit := fmt.Sprintf("space%d", random.IntN(2)), key(), 1+random.IntN(4)
		if random.IntN(4) == 0 {
			asked = nil
		}
		want := said(ctx, memory, space, asked, limit)
		for _, s := range []audit.Store{kept, temporary} {
			if got := said(ctx, s, space, asked, limit); got != want {
				t.Fatalf("%s %x: %s, want %s", space, asked, got, want)
			}
		}
	}
}

func said(ctx context.Context, s audit.Store, space string, key []byte, limit int) string {
	value, err := s.Get(ctx, space, key)
	items, err2 := s.List(ctx, space, key, limit)
	var b strings.Builder
	fmt.Fprintf(&b, "%q %v %v %v:", value, value == nil, err, err2)
	for _, i := range items {
		fmt.Fprintf(&b, " %x=%q", i.Key, i.Value)
	}
	return b.String()
}

func TestStoreLocks(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := state.Open(dir); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second one: %v", err)
	}
	s.Close()
	open(t, dir)
}

func TestStoreOfAnotherVersion(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "state.db"), []byte("no database at all, and long enough to be looked at"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Open(dir); err == nil {
		t.Error("nonsense is opened")
	}
	// The folder is not locked by what failed.
	if err := os.Remove(filepath.Join(dir, "state.db")); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

const writeForever = "WARG_TEST_WRITE_STATE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(writeForever); dir != "" {
		write(dir)
	}
	os.Exit(m.Run())
}

// write commits batches, each of which sets a hundred items to one number, and prints
// the number when it is on disk.
func write(dir string) {
	s, err := state.Open(dir)
	if err != nil {
		panic(err)
	}
	for n := 0; ; n++ {
		var changes []audit.Put
		for i := range 100 {
			changes = append(changes, audit.Put{Space: "x", Key: fmt.Append(nil, i), Value: fmt.Append(nil, n)})
		}
		if err := s.Commit(context.Background(), changes); err != nil {
			panic(err)
		}
		fmt.Println(n)
	}
}

// A process that is killed at any point leaves what it had committed last, whole.
func TestStoreKilled(t *testing.T) {
	dir := t.TempDir()
	for range 5 {
		var out bytes.Buffer
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), writeForever+"="+dir)
		cmd.Stdout = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(200+rand.IntN(200)) * time.Millisecond)
		cmd.Process.Kill()
		cmd.Wait()
		lines := strings.Fields(out.String())
		if len(lines) == 0 {
			t.Fatal("the process wrote nothing in its time")
		}
		s := open(t, dir)
		items, err := s.List(t.Context(), "x", nil, 1000)
		if err != nil || len(items) != 100 {
			t.Fatal(len(items), err)
		}
		var last, got int
		fmt.Sscan(lines[len(lines)-1], &last)
		fmt.Sscan(string(items[0].Value), &got)
		for _, i := range items {
			if !bytes.Equal(i.Value, items[0].Value) {
				t.Fatalf("a part of a commit is there: %s beside %s", i.Value, items[0].Value)
			}
		}
		if got < last {
			t.Fatalf("%d was committed, %d is there", last, got)
		}
		s.Close()
	}
}

func BenchmarkGet(b *testing.B) {
	s := open(b, b.TempDir())
	var changes []audit.Put
	for i := range 10000 {
		changes = append(changes, audit.Put{Space: "map", Key: fmt.Appendf(nil, "%032d", i), Value: make([]byte, 500)})
	}
	if err := s.Commit(b.Context(), changes); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if v, err := s.Get(b.Context(), "map", changes[rand.IntN(len(changes))].Key); err != nil || len(v) != 500 {
			b.Fatal(err)
		}
	}
}
