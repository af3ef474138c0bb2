package content

import (
	"context"
	"fmt"
)

// Policy says which content may be kept.
type Policy string

// The policies.
const (
	PolicyWasm Policy = "wasm" // valid WebAssembly modules and components
	PolicyNone Policy = "none" // anything
)

// Options say where contents are kept, and which.
type Options struct {
	// Dir is the folder; made if missing. Several processes may share it.
	Dir string
	// Policy is which content may be kept.
	Policy Policy
	// MaxSize is the size of the largest content, in bytes; 0: no limit.
	MaxSize int64
	// MinFreeSpace is how much of the disk has to stay free, in bytes: uploads
	// that begin below it are refused; 0: no limit.
	MinFreeSpace int64
	// CacheDir is where the compiled validator is kept for the next start; empty:
	// nowhere. The machine code in it is trusted.
	CacheDir string
}

// Contents are what [Open] opened.
type Contents struct {
	*Folder
	Check Check // what the policy says; nil: all may be kept
	wasm  *WasmPolicy
}

// Open opens the folder and prepares the policy. To be closed.
func Open(ctx context.Context, o Options) (*Contents, error) {
	folder, err := OpenFolder(o.Dir, FolderOptions{MaxSize: o.MaxSize, MinFree: o.MinFreeSpace})
	if err != nil {
		return nil, err
	}
	c := &Contents{Folder: folder}
	switch o.Policy {
	case PolicyNone:
		return c, nil
	case PolicyWasm:
	default:
		return nil, fmt.Errorf("there is no content policy %q", o.Policy)
	}
	if c.wasm, err = NewWasmPolicy(ctx, o.CacheDir); err != nil {
		return nil, fmt.Errorf("start the WebAssembly content policy: %w", err)
	}
	c.Check = c.wasm.Check
	return c, nil
}

// Close ends the policy and waits for the checks under way.
func (c *Contents) Close() error {
	if c.wasm == nil {
		return nil
	}
	return c.wasm.Close(context.Background())
}
