package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/warg-trillian/warg-trillian/personality/content/internal/meter"
)

// exportHost defines the functions that validator/src/host.rs imports.
func exportHost(ctx context.Context, runtime wazero.Runtime) error {
	host := runtime.NewHostModuleBuilder("host")
	const i32, i64 = api.ValueTypeI32, api.ValueTypeI64
	for name, function := range map[string]struct {
		call       api.GoModuleFunc
		parameters []api.ValueType
	}{
		"read":   {hostRead, []api.ValueType{i32, i32}},
		"skip":   {hostSkip, []api.ValueType{i64}},
		"finish": {hostFinish, []api.ValueType{i32, i32, i32}},
	} {
		host = host.NewFunctionBuilder().WithGoModuleFunction(function.call, function.parameters, nil).Export(name)
	}
	_, err := host.Instantiate(ctx)
	return err
}

// run is what one instance is asked, a question at a time, and the answer or error that
// ended the call.
type run struct {
	source  *io.SectionReader
	memory  *linearMemory
	work    *work
	granted int64 // steps that the instance was last given

	finished bool   // the validator ended the call with
	status   status // and
	answer   []byte

	readErr, workErr error
}

// status is what an answer is: see validator/src/host.rs.
type status uint32

const (
	statusDone     status = 0 // JSON
	statusFailed   status = 1 // text: why there is no answer
	statusPanicked status = 2 // text: what a library panicked with
)

// again makes the run fit for the next question about the same content.
func (r *run) again() error {
	r.finished, r.answer = false, nil
	r.work.again()
	_, err := r.source.Seek(0, io.SeekStart)
	return err
}

// call calls a function of the validator; validator/src/lib.rs says what they return. The
// message is a copy.
func (r *run) call(ctx context.Context, instance api.Module, q question) (packed uint64, message string, err error) {
	defer r.count(instance) // what was done since it last yielded
	results, err := instance.ExportedFunction(string(q)).Call(ctx, uint64(r.source.Size()))
	if err != nil || len(results) == 0 {
		return 0, "", err
	}
	packed = results[0]
	text, ok := instance.Memory().Read(uint32(packed>>32), uint32(packed))
	if !ok {
		return 0, "", errors.New("its message lies outside its memory")
	}
	return packed, string(text), nil
}

// outcome is what a call comes to: an answer, or an error behind which the instance is of
// no use.
func (r *run) outcome(q question, packed uint64, message string, err error) (Answer, error) {
	switch {
	case r.readErr != nil:
		return Answer{}, fmt.Errorf("reading content to check it: %w", r.readErr)
	case r.workErr != nil:
		return Answer{}, r.workErr
	case r.finished && r.status == statusDone:
		return Answer{JSON: r.answer}, nil
	case r.finished && r.status == statusFailed:
		return Answer{None: &UndescribedError{Reason: cutText(r.answer)}}, nil
	case r.finished:
		return Answer{}, &UndescribedError{Reason: "the decoder failed: " + cutText(r.answer)}
	case err != nil && r.memory.refused:
		return Answer{}, errMemory
	case err != nil && q != isValid:
		// Decoders are known to do that on some content that is valid.
		return Answer{}, &UndescribedError{Reason: "the decoder failed: " + firstLine(err.Error())}
	case err != nil:
		return Answer{}, fmt.Errorf("the WebAssembly validator failed: %w", err)
	case packed != 0:
		return Answer{}, &RejectedError{Reason: "content is not valid WebAssembly: " + message}
	}
	return Answer{}, nil
}

// maxReason is how much is kept of a text that says why there is no answer, in bytes:
// it quotes from the content.
const maxReason = 1 << 10

func cutText(b []byte) string {
	return strings.ToValidUTF8(string(b[:min(len(b), maxReason)]), "")
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

// hostRead is the host.read of validator/src/host.rs. A panic in it ends the call
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

// hostSkip is the host.skip of validator/src/host.rs.
func hostSkip(ctx context.Context, _ api.Module, stack []uint64) {
	run := ctx.Value(runKey{}).(*run)
	if _, err := run.source.Seek(int64(stack[0]), io.SeekCurrent); err != nil {
		run.readErr = err
		panic(err)
	}
}

// hostFinish is the host.finish of validator/src/host.rs. The panic ends the call.
func hostFinish(ctx context.Context, module api.Module, stack []uint64) {
	run := ctx.Value(runKey{}).(*run)
	answer, ok := module.Memory().Read(api.DecodeU32(stack[0]), api.DecodeU32(stack[1]))
	if !ok {
		panic(errors.New("host.finish: the answer lies outside the memory"))
	}
	run.finished, run.status, run.answer = true, status(api.DecodeU32(stack[2])), bytes.Clone(answer)
	panic(errFinished)
}

var errFinished = errors.New("the call has ended with an answer")
