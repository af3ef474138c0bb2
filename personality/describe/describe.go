// Package describe says what is in a content: kind, imports and exports, metadata,
// dependencies and WIT. All of it is read from the bytes, in the sandbox that also
// validates them; docs/discovery.md has the meaning of each field, and the bounds.
//
// Nothing that is in a content makes it fail: what cannot be read is a problem, which the
// description names. Its texts are hostile until they are escaped.
package describe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// Sandbox is what looks into contents: [content.WasmPolicy]. It bounds the memory, the work
// and the number of what runs at the same time, and ends it with the context.
type Sandbox interface {
	// Inspect validates content and says what is in it. It fails with a
	// [*content.RejectedError] if the content is not valid WebAssembly.
	Inspect(ctx context.Context, f io.ReaderAt, size int64, wit bool) (content.Inspection, error)
}

// Describer describes contents. Its methods may be called concurrently.
type Describer struct{ sandbox Sandbox }

// New returns a describer that uses the sandbox.
func New(sandbox Sandbox) *Describer { return &Describer{sandbox: sandbox} }

// Contents are what is in a content.
type Contents struct {
	discovery.Description
	// WIT is nil if there is none: of a module, or if it could not be read, which is one of
	// the problems then.
	WIT *discovery.WIT
}

// NoWITError says that a content has no WIT, or none that can be read.
type NoWITError struct {
	Reason string // quotes from the content
}

func (e *NoWITError) Error() string { return e.Reason }

// Describe validates size bytes of f and says what is in them. Content that is not valid
// has no kind, and a problem. An error says nothing about the content: it could not be
// read, ctx ended, or the sandbox was closed.
func (d *Describer) Describe(ctx context.Context, f io.ReaderAt, size int64) (discovery.Description, error) {
	i, err := d.sandbox.Inspect(ctx, f, size, false)
	return described(size, i, err)
}

// WIT validates size bytes of f and returns their WIT. It fails with a [*NoWITError] if
// they have none; any other error says nothing about the content.
func (d *Describer) WIT(ctx context.Context, f io.ReaderAt, size int64) (discovery.WIT, error) {
	i, err := d.sandbox.Inspect(ctx, f, size, true)
	if rejected, ok := errors.AsType[*content.RejectedError](err); ok {
		return discovery.WIT{}, &NoWITError{Reason: rejected.Reason}
	}
	if err != nil {
		return discovery.WIT{}, err
	}
	return witOf(i)
}

// Both is Describe, and WIT if the content is not a module, but validates once.
func (d *Describer) Both(ctx context.Context, f io.ReaderAt, size int64) (Contents, error) {
	i, err := d.sandbox.Inspect(ctx, f, size, true)
	var c Contents
	if c.Description, err = described(size, i, err); err != nil || c.Kind == "" || c.Kind == discovery.KindModule {
		return c, err
	}
	wit, err := witOf(i)
	var none *NoWITError
	switch {
	case errors.As(err, &none):
		c.Problems = append(c.Problems, "there is no WIT: "+none.Reason)
	case err != nil:
		return c, err
	default:
		// It knows all types; a description, only those that no instance has.
		c.WIT, c.Kind = &wit, wit.Kind
	}
	return c, nil
}

// described is the description of an inspection, or of what it failed with.
func described(size int64, i content.Inspection, err error) (discovery.Description, error) {
	if rejected, ok := errors.AsType[*content.RejectedError](err); ok {
		return undescribed(size, rejected.Reason), nil
	}
	if err != nil {
		return discovery.Description{Size: size}, err
	}
	if none := i.Description.None; none != nil {
		return undescribed(size, "it could not be described: "+none.Reason), nil
	}
	var description discovery.Description
	if err := json.Unmarshal(i.Description.JSON, &description); err != nil {
		return discovery.Description{Size: size}, fmt.Errorf("reading what the sandbox says of a content: %w", err)
	}
	if description.Metadata.Licenses != "" && !ValidLicense(description.Metadata.Licenses) {
		description.Problems = append(description.Problems, "custom section licenses: it is not an SPDX expression")
	}
	return description, nil
}

// witOf is the WIT of an inspection. It fails with a [*NoWITError] if there is none.
func witOf(i content.Inspection) (discovery.WIT, error) {
	var wit discovery.WIT
	if none := i.WIT.None; none != nil {
		return wit, &NoWITError{Reason: none.Reason}
	}
	if err := json.Unmarshal(i.WIT.JSON, &wit); err != nil {
		return wit, fmt.Errorf("reading the WIT that the sandbox has of a content: %w", err)
	}
	return wit, nil
}

func undescribed(size int64, problem string) discovery.Description {
	return discovery.Description{Size: size, Problems: []string{problem}}
}
