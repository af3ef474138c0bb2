package content

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/tetratelabs/wazero"
)

// validatorWasm is wasmparser's validator, with decoders, as a core module;
// validator/build.sh makes it.
//
//go:embed validator/validator.wasm
var validatorWasm []byte

// Bounds of the memory that checks use. Validating needs what is known about types,
// functions and names, and the largest section that is neither code nor data nor custom
// (of those a piece is there at a time): on real files 1 to 8 MiB. So the check of small
// content begins with little, of which very many may have some at once, and begins anew
// with much if that is not enough. What is used of it is taken as it is used.
const (
	smallSize         = 4 << 20   // bytes of small content
	smallMemory int64 = 4 << 20   // bytes that its check may use, besides its size
	allSmall    int64 = 512 << 20 // bytes of all such checks together

	minMemory     int64 = 64 << 20 // bytes that any other check may use
	memoryPerByte int64 = 4        // bytes more per byte of content
	maxMemory     int64 = 1 << 30  // bytes of all of these together
)

var errPolicyClosed = errors.New("the WebAssembly policy is closed")

// WasmPolicy admits valid WebAssembly: modules and components, with every
// proposal that wasmparser 0.261 knows. That is the last version that also takes
// imports of registry packages, as in "unlocked-dep=<example:add@{>=1.0.0}>", which
// official clients lock and bundle by and the component model has dropped since.
// The validator is wasmparser itself, in a sandbox with bounds on memory and work,
// so that hostile content cannot harm the server. Its methods may be called
// concurrently.
type WasmPolicy struct {
	processors   *turns          // to work on
	small, large *turns          // bytes of memory
	stopped      context.Context // ends when Close is called
	stop         context.CancelCauseFunc

	mu     sync.Mutex // guards checks and closed
	checks int        // that have begun
	closed bool
	idle   chan struct{} // closed when closed is set and checks is 0

	compiled chan struct{} // closed when sandbox and err are set, for good
	sandbox  *sandbox
	err      error
}

// NewWasmPolicy returns at once and compiles the validator in the background,
// which takes about a second of one processor. If cacheDir is not empty, the
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
		// The other half of the processors stays for everything else.
		processors: newTurns(int64(max(1, runtime.GOMAXPROCS(0)/2))),
		small:      newTurns(allSmall),
		large:      newTurns(maxMemory),
		stopped:    stopped,
		stop:       stop,
		idle:       make(chan struct{}),
		compiled:   make(chan struct{}),
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
// Content that would take far more work than real content of its size is rejected as
// too costly. The work is counted, not timed: the same bytes have the same verdict on
// every machine. Checks share half of the processors and a bound on memory by turns
// that are fair between clients ([WithClient]), changing every few milliseconds: a
// check waits for those of others, but not for them to be done.
func (p *WasmPolicy) Check(ctx context.Context, f io.ReaderAt, size int64) error {
	_, err := p.ask(ctx, []question{isValid}, f, size)
	return err
}

// ask puts questions to one instance, in a turn, first with little memory if the content is
// small. It returns the answers to those before the one that fails; the first may fail with
// little memory, and is put again with much.
func (p *WasmPolicy) ask(ctx context.Context, questions []question, f io.ReaderAt, size int64) ([]Answer, error) {
	if !p.enter() {
		return nil, fmt.Errorf("validating content: %w", errPolicyClosed)
	}
	defer p.leave()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(p.stopped, func() { cancel(errPolicyClosed) })()

	select {
	case <-p.compiled:
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting to validate content: %w", context.Cause(ctx))
	}
	if p.err != nil {
		return nil, p.err
	}

	w := p.work(ctx, size)
	var answers []Answer
	err := errMemory
	if size <= smallSize {
		answers, err = p.askIn(ctx, questions, p.small, smallMemory+size, f, w)
	}
	if errors.Is(err, errMemory) && len(answers) == 0 {
		answers, err = p.askIn(ctx, questions, p.large, memoryLimit(size), f, w)
	}
	if errors.Is(err, errMemory) {
		return answers, &RejectedError{Reason: fmt.Sprintf("content cannot be validated as WebAssembly with %d MiB of memory", memoryLimit(size)>>20)}
	}
	return answers, err
}

func (p *WasmPolicy) work(ctx context.Context, size int64) *work {
	return &work{turns: p.processors, client: clientOf(ctx), size: size}
}

// askIn puts questions with at most limit bytes of memory, which it waits for first, and
// does w.
func (p *WasmPolicy) askIn(ctx context.Context, questions []question, memory *turns, limit int64, f io.ReaderAt, w *work) ([]Answer, error) {
	if err := memory.acquire(ctx, w.client, limit, limit); err != nil {
		return nil, fmt.Errorf("waiting to validate content: %w", err)
	}
	defer memory.release(w.client, limit, 0)
	if err := w.begin(ctx); err != nil {
		return nil, fmt.Errorf("waiting to validate content: %w", err)
	}
	defer w.end()
	return p.sandbox.ask(ctx, questions, f, w.size, limit, w)
}

// memoryLimit is the memory, in bytes, that the check of size bytes may use.
func memoryLimit(size int64) int64 {
	if size > (maxMemory-minMemory)/memoryPerByte {
		return maxMemory
	}
	return minMemory + memoryPerByte*size
}

// enter counts a check, unless the policy is closed.
func (p *WasmPolicy) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.checks++
	return true
}

func (p *WasmPolicy) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.checks--; p.closed && p.checks == 0 {
		close(p.idle)
	}
}

// Close stops the checks that are running and frees the validator. It fails only
// if ctx ends before that.
func (p *WasmPolicy) Close(ctx context.Context) error {
	if !p.shut() {
		return nil
	}
	p.stop(errPolicyClosed)
	// Code must not be freed while a check runs in it: wait for all of them.
	for _, done := range []<-chan struct{}{p.idle, p.compiled} {
		select {
		case <-done:
		case <-ctx.Done():
			return fmt.Errorf("waiting for content checks to stop: %w", ctx.Err())
		}
	}
	if p.err != nil {
		return nil // nothing to free
	}
	return p.sandbox.close(ctx)
}

// shut lets no more checks in. It returns false if that was so before.
func (p *WasmPolicy) shut() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.closed = true
	if p.checks == 0 {
		close(p.idle)
	}
	return true
}
