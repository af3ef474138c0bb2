package content

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"golang.org/x/sync/semaphore"
)

// validatorWasm is wasmparser's validator as a core module; validator/build.sh
// makes it.
//
//go:embed validator/validator.wasm
var validatorWasm []byte

// Bounds of validation. It takes about 35 ms per MB of code on one processor, half
// of that if it could not be stopped (but then Go's garbage collector would have to
// wait for it, and the whole server with that), and next to nothing for data. It
// needs as much memory as the largest section that is not code, and what is known
// about types, functions and names.
const (
	maxChecks       = 4       // at once
	maxMemory int64 = 1 << 30 // bytes, of all checks together

	minMemory     int64 = 64 << 20 // bytes that any check may use
	memoryPerByte int64 = 4        // bytes more per byte of content

	baseTime  = 30 * time.Second
	timePerMB = 500 * time.Millisecond
)

var (
	errPolicyClosed = errors.New("the WebAssembly policy is closed")
	errTooSlow      = errors.New("validating the content as WebAssembly takes too long")
)

// WasmPolicy admits valid WebAssembly: modules and components, with every
// proposal that wasmparser 0.261 knows. That is the last version that also takes
// imports of registry packages, as in "unlocked-dep=<example:add@{>=1.0.0}>", which
// official clients lock and bundle by and the component model has dropped since.
// The validator is wasmparser itself, in a sandbox with bounds on memory and time,
// so that hostile content cannot harm the server. Its methods may be called
// concurrently.
type WasmPolicy struct {
	memory  *semaphore.Weighted // bytes that checks may use
	stopped context.Context     // ends when Close is called
	stop    context.CancelCauseFunc
	closed  atomic.Bool

	compiled chan struct{} // closed when sandbox and err are set, for good
	sandbox  *sandbox
	err      error
}

// NewWasmPolicy returns at once and compiles the validator in the background,
// which takes about half a second of one processor. If cacheDir is not empty, the
// result is kept there for the next start; the machine code in that folder is
// trusted, so nobody else may write to it. Call Close when done.
func NewWasmPolicy(ctx context.Context, cacheDir string) (*WasmPolicy, error) {
	var cache wazero.CompilationCache
	if cacheDir != "" {
		var err error
		if cache, err = wazero.NewCompilationCacheWithDir(cacheDir); err != nil {
			return nil, fmt.Errorf("opening the cache of the WebAssembly validator in %s: %w", cacheDir, err)
		}
	}
	// The policy outlives ctx, which may be that of starting the server.
	stopped, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	p := &WasmPolicy{
		memory:   semaphore.NewWeighted(maxMemory),
		stopped:  stopped,
		stop:     stop,
		compiled: make(chan struct{}),
	}
	go func() {
		defer close(p.compiled)
		p.sandbox, p.err = newSandbox(context.WithoutCancel(ctx), cache)
	}()
	return p, nil
}

// Check is a [Check]: nil if the content is valid WebAssembly. A [*RejectedError]
// has the reference server's text, with wasmparser's message, as in
// "content is not valid WebAssembly: unexpected end-of-file (at offset 0x0)". Any
// other error says nothing about the content: it could not be read, ctx ended,
// the policy was closed, or the validator failed.
//
// A few contents are checked at once, within a common bound on memory; others
// wait for their turn.
func (p *WasmPolicy) Check(ctx context.Context, f io.ReaderAt, size int64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(p.stopped, func() { cancel(errPolicyClosed) })()

	limit := memoryLimit(size)
	share := max(limit, maxMemory/maxChecks)
	if err := p.memory.Acquire(ctx, share); err != nil {
		return fmt.Errorf("waiting to validate content: %w", context.Cause(ctx))
	}
	defer p.memory.Release(share)

	select {
	case <-p.compiled:
	case <-ctx.Done():
		return fmt.Errorf("waiting to validate content: %w", context.Cause(ctx))
	}
	if p.err != nil {
		return p.err
	}

	ctx, cancelTime := context.WithTimeoutCause(ctx, baseTime+time.Duration(size>>20)*timePerMB, errTooSlow)
	defer cancelTime()
	return p.sandbox.validate(ctx, f, size, limit)
}

// memoryLimit is the memory, in bytes, that the check of size bytes may use.
func memoryLimit(size int64) int64 {
	if size > (maxMemory-minMemory)/memoryPerByte {
		return maxMemory
	}
	return minMemory + memoryPerByte*size
}

// Close stops the checks that are running and frees the validator. It fails only
// if ctx ends before that.
func (p *WasmPolicy) Close(ctx context.Context) error {
	if p.closed.Swap(true) {
		return nil
	}
	p.stop(errPolicyClosed)
	// Code must not be freed while a check runs in it: wait for all of them.
	if err := p.memory.Acquire(ctx, maxMemory); err != nil {
		return fmt.Errorf("waiting for content checks to stop: %w", err)
	}
	select {
	case <-p.compiled:
	case <-ctx.Done():
		return fmt.Errorf("waiting for the WebAssembly validator: %w", ctx.Err())
	}
	if p.err != nil {
		return nil // nothing to free
	}
	return p.sandbox.close(ctx)
}
