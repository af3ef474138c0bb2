package client_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/client"
)

// Both stores keep what the interface says.
func TestStores(t *testing.T) {
	for kind, open := range stores(t) {
		t.Run(kind, func(t *testing.T) {
			s, ctx := open(), t.Context()
			if value, err := s.Read(ctx, "package/a/b"); value != nil || err != nil {
				t.Errorf("empty: %q, %v", value, err)
			}
			for i, step := range []struct {
				old, value string
				err        error
			}{
				{"old", "one", client.ErrChanged}, {"", "one", nil}, {"", "two", client.ErrChanged}, {"two", "three", client.ErrChanged}, {"one", "two", nil},
			} {
				var old []byte
				if step.old != "" {
					old = []byte(step.old)
				}
				if err := s.Replace(ctx, "package/a/b", old, []byte(step.value)); !errors.Is(err, step.err) {
					t.Errorf("step %d: %v, want %v", i, err, step.err)
				}
			}
			if value, err := s.Read(ctx, "package/a/b"); string(value) != "two" || err != nil {
				t.Errorf("read %q, %v; want two", value, err)
			}
			if value, err := s.Read(ctx, "package/a"); value != nil || err != nil {
				t.Errorf("another name: %q, %v", value, err)
			}
		})
	}
}

// Of many who replace at a time, none gets lost: a counter shows it. The folder
// is opened twice, as two processes would.
func TestStoresConcurrently(t *testing.T) {
	for kind, open := range stores(t) {
		t.Run(kind, func(t *testing.T) {
			var group sync.WaitGroup
			for range 8 {
				s := open()
				group.Go(func() {
					for range 10 {
						count(t, s)
					}
				})
			}
			group.Wait()
			if value, err := open().Read(t.Context(), "checkpoint"); string(value) != "80" || err != nil {
				t.Errorf("counted %q, %v; want 80", value, err)
			}
		})
	}
}

func stores(t *testing.T) map[string]func() client.Store {
	memory, dir := new(client.MemoryStore), t.TempDir()
	return map[string]func() client.Store{
		"memory": func() client.Store { return memory },
		"folder": func() client.Store {
			s, err := client.OpenFolder(filepath.Join(dir, "new", "store"))
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
	}
}

// count adds one to a value.
func count(t *testing.T, s client.Store) {
	for {
		old, err := s.Read(t.Context(), "checkpoint")
		if err != nil {
			t.Error(err)
			return
		}
		n, _ := strconv.Atoi(string(old))
		err = s.Replace(t.Context(), "checkpoint", old, fmt.Append(nil, n+1))
		if err == nil {
			return
		}
		if !errors.Is(err, client.ErrChanged) {
			t.Error(err)
			return
		}
	}
}

// A value that can not be stored leaves the one before, and no other file.
func TestFolderFailure(t *testing.T) {
	dir := t.TempDir()
	s, err := client.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "checkpoint.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Replace(t.Context(), "checkpoint", nil, []byte("x")); err == nil || errors.Is(err, client.ErrChanged) {
		t.Errorf("stored over a folder: %v", err)
	}
	for _, name := range []string{"../outside", "/root", "", "a.b", "a/../b"} {
		if err := s.Replace(t.Context(), name, nil, []byte("x")); err == nil {
			t.Errorf("stored under %q", name)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	hidden, _ := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(left) != 2 || len(hidden) != 0 {
		t.Errorf("the folder has %v and %v, want checkpoint.json and the lock", left, hidden)
	}
}

// Many calls of clients that share a store get on with each other while the
// registry grows.
func TestShareStore(t *testing.T) {
	for kind, open := range stores(t) {
		t.Run(kind, func(t *testing.T) {
			r := sharedRegistry(t)
			author := r.client(t, client.Options{})
			n, key := name(t, "example:shared-"+kind), newKey(t)
			publish(t, author, n, key, nil, client.Init(key.Public()))
			var group sync.WaitGroup
			for range 4 {
				c := r.client(t, client.Options{Store: open()})
				group.Go(func() {
					for range 10 {
						if _, err := c.Package(t.Context(), n); err != nil {
							t.Error(err)
						}
					}
				})
			}
			for range 10 {
				publish(t, author, n, key, nil, client.Grant(key.Public(), "yank"))
			}
			group.Wait()
		})
	}
}
