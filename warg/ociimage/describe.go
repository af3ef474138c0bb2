package ociimage

import (
	"bufio"
	"context"
	"errors"
	"io"
)

// Contents is what an image says of the WebAssembly in it.
type Contents struct {
	// Component is whether it is a component or a WIT package. All else, such as a module,
	// is described as a module.
	Component bool
	// Unknown is whether it is a component whose names are not known: it is malformed, or
	// beyond the bounds of [Describe]. There are no Imports and Exports then.
	Unknown bool
	// Imports and Exports are the names at the outermost level, in the order in which the
	// component has them: "wasi:io/poll@0.2.0" for an interface, "run" for a function. The
	// exports of a WIT package are the names of its interfaces and worlds, and what its
	// worlds export, sorted; it has no imports.
	Imports, Exports []string
}

// Bounds of what is read. A component that goes beyond them is described without names.
const (
	maxSection  = 4 << 20 // bytes of a section with names or types
	maxSections = 100_000
	maxTypes    = 100_000 // all together
	maxNames    = 10_000
	maxText     = 1 << 20 // bytes of the names together
	maxDepth    = 20      // of types in types
)

// Sections of a component (Component Model, Binary.md, "Component Definitions").
const (
	sectionAlias  = 6
	sectionType   = 7
	sectionImport = 10
	sectionExport = 11
)

var (
	magic            = [4]byte{0x00, 'a', 's', 'm'}
	componentVersion = [4]byte{0x0d, 0x00, 0x01, 0x00} // and layer
)

// Describe reads the WebAssembly that r has, from its beginning. It takes any bytes:
// whether they are valid is for others to say, and what is wrong or beyond its bounds is
// described without names. It allocates some megabytes at most, and seeks beyond what it
// does not need if r is an [io.Seeker]. The errors are those of r, and that of the context.
func Describe(ctx context.Context, r io.Reader) (Contents, error) {
	source := source{buffer: bufio.NewReaderSize(r, 32<<10)}
	source.seeker, _ = r.(io.Seeker)
	var head [8]byte
	if _, err := io.ReadFull(source.buffer, head[:]); err != nil {
		return Contents{}, endOfInput(err)
	}
	if [4]byte(head[:4]) != magic || [4]byte(head[4:]) != componentVersion {
		return Contents{}, nil
	}
	var o outline
	err := o.read(ctx, &source)
	switch {
	case errors.Is(err, errMalformed):
		return Contents{Component: true, Unknown: true}, nil
	case err != nil:
		return Contents{}, err
	}
	if names, ok := o.witPackage(); ok {
		return Contents{Component: true, Exports: names}, nil
	}
	return Contents{Component: true, Imports: o.names(o.imports), Exports: o.names(o.exports)}, nil
}

// endOfInput makes no error of an input that ends too early.
func endOfInput(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil
	}
	return err
}

// outline is what the outermost level of a component says of itself.
type outline struct {
	space            // its types; exports are those of the component
	imports []extern // names only
	// untyped says that a type could not be read. The names do not need the types, but
	// WIT packages can not be told from components then.
	untyped bool
}

func (o *outline) names(externs []extern) []string {
	names := make([]string, len(externs))
	for i, e := range externs {
		names[i] = e.name
	}
	return names
}

func (o *outline) read(ctx context.Context, s *source) error {
	o.budget = &budget{}
	for count := 0; ; count++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		id, size, err := s.section()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if count == maxSections { // each may be of two bytes, and takes its time
			return errMalformed
		}
		names := id == sectionImport || id == sectionExport
		types := (id == sectionAlias || id == sectionType) && !o.untyped
		if !names && !types {
			if err := s.skip(size); err != nil {
				return err
			}
			continue
		}
		if size > maxSection {
			if names {
				return errMalformed
			}
			o.untyped = true
			if err := s.skip(size); err != nil {
				return err
			}
			continue
		}
		body, err := s.take(size)
		if err != nil {
			return err
		}
		if err := o.section(id, body); err != nil {
			if names {
				return err
			}
			o.untyped = true
		}
	}
}

func (o *outline) section(id byte, body []byte) error {
	c := cursor{rest: body}
	for range c.count() {
		switch id {
		case sectionImport:
			e := c.extern()
			o.declare(e)
			o.imports = append(o.imports, e)
			o.spend(len(e.name), &c)
		case sectionExport:
			e := c.export()
			o.declare(e)
			o.exports = append(o.exports, e)
			o.spend(len(e.name), &c)
		case sectionAlias:
			o.alias(&c)
		case sectionType:
			o.define(&c, 0)
		}
		if c.failed {
			return errMalformed
		}
	}
	if c.failed || len(c.rest) > 0 {
		return errMalformed
	}
	return nil
}
