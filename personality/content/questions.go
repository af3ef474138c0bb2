package content

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// UndescribedError says that content is valid and that a question about it has no answer
// all the same, for good.
type UndescribedError struct {
	Reason string // quotes from the content, with whatever characters that has
}

func (e *UndescribedError) Error() string { return e.Reason }

// Describe returns what WebAssembly says of itself, as the JSON of a
// discovery.Description of at most some megabytes. The content has to be valid
// ([WasmPolicy.Check]): of other content, lengths would be believed. It is read but for
// what is not looked into, such as code and data.
//
// Whatever the content does to the decoder is an [*UndescribedError]. Any other error says
// nothing about the content. Work, memory and turns are as for Check.
func (p *WasmPolicy) Describe(ctx context.Context, f io.ReaderAt, size int64) ([]byte, error) {
	return p.answer(ctx, whatIsIn, f, size)
}

// MaxWITSize is the size of the largest content whose WIT is read, in bytes: all of it is
// read for that.
const MaxWITSize = 64 << 20

// WIT returns the WIT of a component or WIT package, as the JSON of a discovery.WIT. The
// content has to be valid. Errors are as for [WasmPolicy.Describe], of which there are
// more: a core module has no WIT, and the decoder cannot express all components.
func (p *WasmPolicy) WIT(ctx context.Context, f io.ReaderAt, size int64) ([]byte, error) {
	if size > MaxWITSize {
		return nil, &UndescribedError{Reason: fmt.Sprintf("content is larger than %d MiB, up to which WIT is read", MaxWITSize>>20)}
	}
	return p.answer(ctx, whatIsItsWIT, f, size)
}

func (p *WasmPolicy) answer(ctx context.Context, q question, f io.ReaderAt, size int64) ([]byte, error) {
	answer, err := p.ask(ctx, q, f, size)
	var rejected *RejectedError
	if errors.As(err, &rejected) { // it has used up its work or memory
		reason := fmt.Sprintf("the decoder needs more than %d MiB of memory", memoryLimit(size)>>20)
		if rejected.Costly {
			reason = fmt.Sprintf("the decoder needs more than %d million steps", maxSteps(size)/1_000_000)
		}
		return nil, &UndescribedError{Reason: reason}
	}
	return answer, err
}

// ModuleVersion is a number for the module that answers, other for any other module, and
// not 0.
func ModuleVersion() int {
	sum := sha256.Sum256(validatorWasm)
	return int(binary.BigEndian.Uint32(sum[:])>>1) | 1
}
