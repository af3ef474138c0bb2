package content

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// sandbox runs the validator module. Each validation has an instance of its own,
// so that nothing is left of one content when the next is looked at.
type sandbox struct {
	runtime wazero.Runtime
	module  wazero.CompiledModule
	cache   wazero.CompilationCache // or nil
}

// newSandbox compiles the validator. It owns cache.
func newSandbox(ctx context.Context, cache wazero.CompilationCache) (*sandbox, error) {
	s, err := compile(ctx, cache)
	if err != nil && cache != nil {
		// A damaged or read-only cache must not keep the server from working.
		s, err = compile(ctx, nil)
	}
	return s, err
}

func compile(ctx context.Context, cache wazero.CompilationCache) (_ *sandbox, err error) {
	config := wazero.NewRuntimeConfig().WithCloseOnContextDone(true)
	if cache != nil {
		config = config.WithCompilationCache(cache)
	}
	s := &sandbox{runtime: wazero.NewRuntimeWithConfig(ctx, config), cache: cache}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("compiling the WebAssembly validator: %w", err), s.close(ctx))
		}
	}()
	_, err = s.runtime.NewHostModuleBuilder("host").
		NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(hostRead), []api.ValueType{api.ValueTypeI32, api.ValueTypeI32}, nil).
		Export("read").
		Instantiate(ctx)
	if err != nil {
		return s, err
	}
	s.module, err = s.runtime.CompileModule(ctx, validatorWasm)
	return s, err
}

func (s *sandbox) close(ctx context.Context) error {
	err := s.runtime.Close(ctx)
	if s.cache != nil {
		err = errors.Join(err, s.cache.Close(ctx))
	}
	return err
}

// validate checks size bytes of f with at most limit bytes of memory.
func (s *sandbox) validate(ctx context.Context, f io.ReaderAt, size, limit int64) error {
	source := &source{r: io.NewSectionReader(f, 0, size)}
	memory := &linearMemory{limit: uint64(limit)}

	packed, message, err := s.run(ctx, source, memory, size)
	switch {
	case source.err != nil:
		return fmt.Errorf("reading content to validate it: %w", source.err)
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("validating content: %w", context.Cause(ctx))
	case err != nil && memory.refused:
		return &RejectedError{Reason: fmt.Sprintf("content cannot be validated as WebAssembly with %d MiB of memory", limit>>20)}
	case err != nil:
		return fmt.Errorf("the WebAssembly validator failed: %w", err)
	case packed != 0:
		return &RejectedError{Reason: "content is not valid WebAssembly: " + message}
	}
	return nil
}

// run calls the validator's only function; validator/src/lib.rs says what it
// returns. The message is a copy.
func (s *sandbox) run(ctx context.Context, source *source, memory *linearMemory, size int64) (packed uint64, message string, err error) {
	ctx = context.WithValue(ctx, sourceKey{}, source)
	ctx = experimental.WithMemoryAllocator(ctx, memory)
	// Without a name, any number of instances may live in one runtime.
	instance, err := s.runtime.InstantiateModule(ctx, s.module, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return 0, "", err
	}
	defer instance.Close(ctx)

	results, err := instance.ExportedFunction("validate").Call(ctx, uint64(size))
	if err != nil {
		return 0, "", err
	}
	packed = results[0]
	text, ok := instance.Memory().Read(uint32(packed>>32), uint32(packed))
	if !ok {
		return 0, "", errors.New("its message lies outside its memory")
	}
	return packed, string(text), nil
}

// source is the content under validation, and the error that ended reading it.
type source struct {
	r   io.Reader
	err error
}

type sourceKey struct{}

// hostRead is the host.read of validator/src/lib.rs. A panic in it ends the call
// of the validator with that error.
func hostRead(ctx context.Context, module api.Module, stack []uint64) {
	source := ctx.Value(sourceKey{}).(*source)
	target, ok := module.Memory().Read(api.DecodeU32(stack[0]), api.DecodeU32(stack[1]))
	if !ok {
		panic(errors.New("host.read: the target lies outside the memory"))
	}
	if _, err := io.ReadFull(source.r, target); err != nil {
		source.err = err
		panic(err)
	}
}

// linearMemory is the memory of one instance, of at most limit bytes.
type linearMemory struct {
	limit   uint64
	refused bool // more was asked for
	bytes   []byte
}

// Allocate implements [experimental.MemoryAllocator].
func (m *linearMemory) Allocate(_, _ uint64) experimental.LinearMemory { return m }

// Reallocate implements [experimental.LinearMemory].
func (m *linearMemory) Reallocate(size uint64) []byte {
	if size > m.limit {
		m.refused = true
		return nil
	}
	if size > uint64(cap(m.bytes)) {
		grown := make([]byte, len(m.bytes), min(m.limit, size+size/4))
		copy(grown, m.bytes)
		m.bytes = grown
	}
	m.bytes = m.bytes[:size] // never used before, hence zero
	return m.bytes
}

// Free implements [experimental.LinearMemory].
func (m *linearMemory) Free() { m.bytes = nil }
