package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/warg-trillian/warg-trillian/personality/content/internal/meter"
)

// sandbox runs the validator module. Each content has instances of its own, so that
// nothing is left of one when the next is looked at.
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
	if err = exportHost(ctx, s.runtime); err != nil {
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

// errMemory says that a question needs more memory than it may use.
var errMemory = errors.New("checking the content needs more memory")

// question is what is asked about a content: a function of validator/src/lib.rs.
type question string

const (
	isValid      question = "validate" // answers with nothing, or with a [*RejectedError]
	whatIsIn     question = "describe" // answers with JSON
	whatIsItsWIT question = "wit"      // the same
)

// ask puts questions about size bytes of f, one after the other, to one instance with at
// most limit bytes of memory, and fails with errMemory if that is too little. It returns
// the answers to the questions before one that fails, behind which the instance is not
// asked any more. w is asked whenever a slice of work is done; each question has its own
// bound of that.
func (s *sandbox) ask(ctx context.Context, questions []question, f io.ReaderAt, size, limit int64, w *work) (answers []Answer, err error) {
	if limit < s.leastMemory() { // wazero would panic
		return nil, errMemory
	}
	memory, err := reserveMemory(limit)
	if err != nil {
		return nil, fmt.Errorf("reserving memory to check content: %w", err)
	}
	defer memory.Free()
	run := &run{source: io.NewSectionReader(f, 0, size), memory: memory, work: w}
	ctx = context.WithValue(ctx, runKey{}, run)
	ctx = experimental.WithMemoryAllocator(ctx, memory)
	// Without a name, any number of instances may live in one runtime.
	instance, err := s.runtime.InstantiateModule(ctx, s.module, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		_, err = run.outcome(questions[0], 0, "", err)
		return nil, err
	}
	defer instance.Close(ctx)
	for i, q := range questions {
		if i > 0 {
			if err := run.again(); err != nil {
				return answers, err
			}
		}
		packed, message, err := run.call(ctx, instance, q)
		answer, err := run.outcome(q, packed, message, err)
		if err != nil {
			return answers, err
		}
		answers = append(answers, answer)
	}
	return answers, nil
}

// leastMemory is what an instance has from its beginning, in bytes.
func (s *sandbox) leastMemory() int64 {
	const page = 64 << 10
	return int64(s.module.ExportedMemories()["memory"].Min()) * page
}

// firstLine leaves out the stack that wazero puts behind a message.
func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}
