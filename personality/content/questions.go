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

// Answer is what there is to say about a valid content: JSON of at most some megabytes, or
// why there is none, for good.
type Answer struct {
	JSON []byte
	None *UndescribedError
}

// Inspection is what a valid content says of itself.
type Inspection struct {
	Description Answer // a discovery.Description
	WIT         Answer // a discovery.WIT, where it was asked for
}

// MaxWITSize is the size of the largest content whose WIT is read, in bytes: all of it is
// read for that.
const MaxWITSize = 64 << 20

// Inspect validates content as [WasmPolicy.Check] does, with its errors, and says what is
// in it, and its WIT if that is asked for. Whatever a valid content does to the decoders is
// the answer, such as that a core module has no WIT. Any other error says nothing about the
// content. Work and memory of each question are those of Check.
//
// One instance of the validator answers all that, which takes little more than validating
// a small content. A question on which it fails is put again to one of its own, so that the
// answer depends on nothing but the content.
func (p *WasmPolicy) Inspect(ctx context.Context, f io.ReaderAt, size int64, wit bool) (Inspection, error) {
	questions := []question{isValid, whatIsIn}
	if wit && size <= MaxWITSize {
		questions = append(questions, whatIsItsWIT)
	}
	answers := make([]Answer, 0, len(questions))
	for len(answers) < len(questions) {
		some, err := p.ask(ctx, questions[len(answers):], f, size)
		answers = append(answers, some...)
		if err == nil || len(some) > 0 {
			continue
		}
		if len(answers) == 0 {
			return Inspection{}, err
		}
		none, err := undescribed(err, size)
		if err != nil {
			return Inspection{}, err
		}
		answers = append(answers, Answer{None: none})
	}
	i := Inspection{Description: answers[1]}
	switch {
	case len(answers) > 2:
		i.WIT = answers[2]
	case wit:
		i.WIT.None = errLarge
	}
	return i, nil
}

var errLarge = &UndescribedError{Reason: fmt.Sprintf("content is larger than %d MiB, up to which WIT is read", MaxWITSize>>20)}

// undescribed is an error of a question about valid content as an answer, if it is one.
func undescribed(err error, size int64) (*UndescribedError, error) {
	if none, ok := errors.AsType[*UndescribedError](err); ok {
		return none, nil
	}
	rejected, ok := errors.AsType[*RejectedError](err)
	if !ok {
		return nil, err
	}
	// It has used up its work or memory.
	reason := fmt.Sprintf("the decoder needs more than %d MiB of memory", memoryLimit(size)>>20)
	if rejected.Costly {
		reason = fmt.Sprintf("the decoder needs more than %d million steps", maxSteps(size)/1_000_000)
	}
	return &UndescribedError{Reason: reason}, nil
}

// Describe is the description of [WasmPolicy.Inspect] without validation: of content that
// is not valid, lengths are believed. The content is read but for what is not looked into,
// such as code and data. It fails with an [*UndescribedError] if there is none.
func (p *WasmPolicy) Describe(ctx context.Context, f io.ReaderAt, size int64) ([]byte, error) {
	return p.answer(ctx, whatIsIn, f, size)
}

// WIT is the WIT of [WasmPolicy.Inspect] without validation. It fails with an
// [*UndescribedError] if there is none.
func (p *WasmPolicy) WIT(ctx context.Context, f io.ReaderAt, size int64) ([]byte, error) {
	if size > MaxWITSize {
		return nil, errLarge
	}
	return p.answer(ctx, whatIsItsWIT, f, size)
}

func (p *WasmPolicy) answer(ctx context.Context, q question, f io.ReaderAt, size int64) ([]byte, error) {
	answers, err := p.ask(ctx, []question{q}, f, size)
	if err != nil {
		none, err := undescribed(err, size)
		if err != nil {
			return nil, err
		}
		return nil, none
	}
	if none := answers[0].None; none != nil {
		return nil, none
	}
	return answers[0].JSON, nil
}

// ModuleVersion is a number for the module that answers, other for any other module, and
// not 0.
func ModuleVersion() int {
	sum := sha256.Sum256(validatorWasm)
	return int(binary.BigEndian.Uint32(sum[:])>>1) | 1
}
