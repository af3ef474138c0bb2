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
	// Check fails with a [*content.RejectedError] if the content is not valid WebAssembly.
	Check(ctx context.Context, f io.ReaderAt, size int64) error
	// Describe and WIT give the JSON of a [discovery.Description] and a [discovery.WIT] of
	// valid content. They fail with a [*content.UndescribedError] if that has none.
	Describe(ctx context.Context, f io.ReaderAt, size int64) ([]byte, error)
	WIT(ctx context.Context, f io.ReaderAt, size int64) ([]byte, error)
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
	invalid, err := d.validate(ctx, f, size)
	if err != nil || invalid != "" {
		return undescribed(size, invalid), err
	}
	return d.describe(ctx, f, size)
}

// WIT validates size bytes of f and returns their WIT. It fails with a [*NoWITError] if
// they have none; any other error says nothing about the content.
func (d *Describer) WIT(ctx context.Context, f io.ReaderAt, size int64) (discovery.WIT, error) {
	invalid, err := d.validate(ctx, f, size)
	if err != nil {
		return discovery.WIT{}, err
	}
	if invalid != "" {
		return discovery.WIT{}, &NoWITError{Reason: invalid}
	}
	return d.wit(ctx, f, size)
}

// Both is Describe, and WIT if the content is not a module, but validates once.
func (d *Describer) Both(ctx context.Context, f io.ReaderAt, size int64) (Contents, error) {
	description, err := d.Describe(ctx, f, size)
	c := Contents{Description: description}
	if err != nil || c.Kind == "" || c.Kind == discovery.KindModule {
		return c, err
	}
	wit, err := d.wit(ctx, f, size)
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

// validate returns why the content is not valid, or that it is with an empty text.
func (d *Describer) validate(ctx context.Context, f io.ReaderAt, size int64) (invalid string, err error) {
	err = d.sandbox.Check(ctx, f, size)
	var rejected *content.RejectedError
	if errors.As(err, &rejected) {
		return rejected.Reason, nil
	}
	return "", err
}

// describe is Describe of valid content.
func (d *Describer) describe(ctx context.Context, f io.ReaderAt, size int64) (discovery.Description, error) {
	answer, err := d.sandbox.Describe(ctx, f, size)
	var none *content.UndescribedError
	if errors.As(err, &none) {
		return undescribed(size, "it could not be described: "+none.Reason), nil
	}
	if err != nil {
		return discovery.Description{Size: size}, err
	}
	var description discovery.Description
	if err := json.Unmarshal(answer, &description); err != nil {
		return discovery.Description{Size: size}, fmt.Errorf("reading what the sandbox says of a content: %w", err)
	}
	if description.Metadata.Licenses != "" && !ValidLicense(description.Metadata.Licenses) {
		description.Problems = append(description.Problems, "custom section licenses: it is not an SPDX expression")
	}
	return description, nil
}

// wit is WIT of valid content.
func (d *Describer) wit(ctx context.Context, f io.ReaderAt, size int64) (discovery.WIT, error) {
	var wit discovery.WIT
	answer, err := d.sandbox.WIT(ctx, f, size)
	var none *content.UndescribedError
	if errors.As(err, &none) {
		return wit, &NoWITError{Reason: none.Reason}
	}
	if err != nil {
		return wit, err
	}
	if err := json.Unmarshal(answer, &wit); err != nil {
		return wit, fmt.Errorf("reading the WIT that the sandbox has of a content: %w", err)
	}
	return wit, nil
}

func undescribed(size int64, problem string) discovery.Description {
	d := discovery.Description{Size: size}
	if problem != "" {
		d.Problems = []string{problem}
	}
	return d
}
