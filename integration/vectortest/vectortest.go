// Package vectortest runs golden vector files: JSON objects with a list of
// cases, each of a kind. See testdata/vectors/README.md for what they hold.
package vectortest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Dir is the folder with the vectors: the environment variable WARG_VECTORS if
// set, else testdata/vectors at the top of the repository.
func Dir() string {
	if dir := os.Getenv("WARG_VECTORS"); dir != "" {
		return dir
	}
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..", "testdata", "vectors")
}

// Handler checks one case. raw is the case's JSON object.
type Handler func(t *testing.T, raw json.RawMessage)

// Check makes a [Handler] of a function that takes the decoded case.
func Check[T any](check func(t *testing.T, c T)) Handler {
	return func(t *testing.T, raw json.RawMessage) {
		var c T
		if err := json.Unmarshal(raw, &c); err != nil {
			t.Fatalf("decode case: %v", err)
		}
		check(t, c)
	}
}

// Shared decodes the members beside the cases of a vector file (keys,
// registry, log_id, ...) into v.
func Shared(t *testing.T, file string, v any) {
	t.Helper()
	if err := json.Unmarshal(read(t, file), v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// Run gives each case of the file to the handler of its kind, in the file's
// order, each as a subtest. It fails on a kind that has no handler, so that no
// case is passed over, and when the file's own counts differ from what was run.
func Run(t *testing.T, file string, handlers map[string]Handler) {
	t.Helper()
	var doc struct {
		Counts map[string]int    `json:"counts"`
		Cases  []json.RawMessage `json:"cases"`
	}
	Shared(t, file, &doc)
	ran := map[string]int{}
	for i, raw := range doc.Cases {
		var head struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		}
		if err := json.Unmarshal(raw, &head); err != nil {
			t.Fatalf("%s case %d: %v", file, i, err)
		}
		handle, ok := handlers[head.Kind]
		if !ok {
			t.Errorf("%s case %d: no test handles kind %q", file, i, head.Kind)
			continue
		}
		ran[head.Kind]++
		t.Run(fmt.Sprintf("%s/%d", head.Kind, i), func(t *testing.T) {
			if head.Name != "" {
				t.Log(head.Name)
			}
			handle(t, raw)
		})
	}
	if len(doc.Cases) == 0 {
		t.Errorf("%s has no cases", file)
	}
	for kind, want := range doc.Counts {
		if ran[kind] != want {
			t.Errorf("%s: ran %d cases of kind %q, the file counts %d", file, ran[kind], kind, want)
		}
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(Dir(), file))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
