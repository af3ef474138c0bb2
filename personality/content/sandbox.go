package content

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/warg-trillian/warg-trillian/personality/content/internal/meter"
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
	metered, err := meter.Instrument(validatorWasm)
	if err != nil {
		return nil, err
	}
	// The meter stops a check. WithCloseOnContextDone would ask at each iteration of a
	// loop whether to, which doubles the time.
	config := wazero.NewRuntimeConfig()
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
	_, err = s.runtime.NewHostModuleBuilder(meter.Module).
		NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(hostYield), nil, nil).
		Export(meter.Yield).
		Instantiate(ctx)
	if err != nil {
		return s, err
	}
	s.module, err = s.runtime.CompileModule(ctx, metered)
	return s, err
}

func (s *sandbox) close(ctx context.Context) error {
	err := s.runtime.Close(ctx)
	if s.cache != nil {
		err = errors.Join(err, s.cache.Close(ctx))
	}
	return err
}

// errMemory says that a validation needs more memory than it may use.
var errMemory = errors.New("validating the content needs more memory")

// validate checks size bytes of f with at most limit bytes of memory, and fails with
// errMemory if that is too little. w is asked whenever a slice of work is done.
func (s *sandbox) validate(ctx context.Context, f io.ReaderAt, size, limit int64, w *work) error {
	memory, err := reserveMemory(limit)
	if err != nil {
		return fmt.Errorf("reserving memory to validate content: %w", err)
	}
	defer memory.Free()
	run := &run{source: io.NewSectionReader(f, 0, size), memory: memory, work: w}
	packed, message, err := s.run(ctx, run, size)
	switch {
	case run.readErr != nil:
		return fmt.Errorf("reading content to validate it: %w", run.readErr)
	case run.workErr != nil:
		return run.workErr
	case err != nil && run.memory.refused:
		return errMemory
	case err != nil:
		return fmt.Errorf("the WebAssembly validator failed: %w", err)
	case packed != 0:
		return &RejectedError{Reason: "content is not valid WebAssembly: " + message}
	}
	return nil
}

// run calls the validator's only function; validator/src/lib.rs says what it
// returns. The message is a copy.
func (s *sandbox) run(ctx context.Context, run *run, size int64) (packed uint64, message string, err error) {
	ctx = context.WithValue(ctx, runKey{}, run)
	ctx = experimental.WithMemoryAllocator(ctx, run.memory)
	// Without a name, any number of instances may live in one runtime.
	instance, err := s.runtime.InstantiateModule(ctx, s.module, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return 0, "", err
	}
	defer instance.Close(ctx)
	defer run.count(instance) // what was done since it last yielded

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

// run is one validation, and the error that ended it.
type run struct {
	source  io.Reader
	memory  *linearMemory
	work    *work
	granted int64 // steps that the instance was last given

	readErr, workErr error
}

type runKey struct{}

// count adds the steps since the last grant to those that were done.
func (r *run) count(module api.Module) {
	fuel := module.ExportedGlobal(meter.Fuel).(api.MutableGlobal)
	r.work.done(r.granted - int64(fuel.Get()))
	r.granted = 0
	fuel.Set(0)
}

// hostYield is called by the metered validator when it has no fuel left.
func hostYield(ctx context.Context, module api.Module, _ []uint64) {
	run := ctx.Value(runKey{}).(*run)
	run.count(module)
	if run.granted, run.workErr = run.work.more(ctx); run.workErr != nil {
		panic(run.workErr)
	}
	module.ExportedGlobal(meter.Fuel).(api.MutableGlobal).Set(uint64(run.granted))
}

// hostRead is the host.read of validator/src/lib.rs. A panic in it ends the call
// of the validator with that error.
func hostRead(ctx context.Context, module api.Module, stack []uint64) {
	run := ctx.Value(runKey{}).(*run)
	target, ok := module.Memory().Read(api.DecodeU32(stack[0]), api.DecodeU32(stack[1]))
	if !ok {
		panic(errors.New("host.read: the target lies outside the memory"))
	}
	if _, err := io.ReadFull(run.source, target); err != nil {
		run.readErr = err
		panic(err)
	}
}
