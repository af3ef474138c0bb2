// Package meter changes a core WebAssembly module so that it counts its own work.
//
// A runtime that can only be told to stop after a time gives a verdict that depends
// on the machine and on what else runs there. Counted work is the same everywhere:
// the same module with the same input does the same number of steps.
package meter

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Names by which the host and a metered module know each other.
const (
	// Fuel is the exported global, a mutable i64: the steps that the module may do
	// before it yields. It begins at zero.
	Fuel = "fuel"
	// Module and Yield name the imported function, without parameters and results,
	// that is called when fuel is below zero. The host adds fuel and returns, or
	// ends the call.
	Module, Yield = "meter", "yield"
)

// BytesPerStep is how many bytes copied or filled at once count as one step.
const BytesPerStep = 1 << bytesPerStepLog2

const bytesPerStepLog2 = 8

// Instrument returns a copy of a core module that does the same and counts steps: one
// at each entry into a function and each iteration of a loop, and one for each
// [BytesPerStep] that an instruction copies or fills. What lies between two steps is
// straight code, at most one function long.
//
// It takes what compilers make of C or Rust by default (the MVP with sign extension,
// saturating conversions, bulk memory, multiple values, reference types), and fails on
// anything else. Custom sections are left out: names would be off by one.
func Instrument(wasm []byte) (metered []byte, err error) {
	defer func() {
		// The reader panics on input that ends early or is not known.
		if r := recover(); r != nil {
			failure, ok := r.(malformed)
			if !ok {
				panic(r)
			}
			metered, err = nil, failure
		}
	}()
	in := &reader{b: wasm}
	if string(in.bytes(8)) != "\x00asm\x01\x00\x00\x00" {
		fail("it is not a core module of version 1")
	}
	var m module
	for !in.done() {
		id := in.byte()
		m.sections = append(m.sections, section{id, in.bytes(in.index())})
	}
	m.read()
	return m.write(), nil
}

// malformed says why a module cannot be metered.
type malformed string

func (m malformed) Error() string { return "metering a WebAssembly module: " + string(m) }

func fail(format string, args ...any) { panic(malformed(fmt.Sprintf(format, args...))) }

// Section ids, of the specification's chapter on the binary format.
const (
	customSection, typeSection, importSection, functionSection = 0, 1, 2, 3
	globalSection, exportSection, startSection                 = 6, 7, 8
	elementSection, codeSection                                = 9, 10
)

type section struct {
	id   byte
	body []byte
}

// module is what has to be known of a module to rewrite it.
type module struct {
	sections []section

	types     []int // number of parameters, by type
	functions []int // type, by defined function
	imported  int   // functions that are imported: defined ones are numbered from here
	globals   int
}

// read collects what rewriting needs.
func (m *module) read() {
	present := map[byte]bool{}
	for _, s := range m.sections {
		in := &reader{b: s.body}
		present[s.id] = true
		switch s.id {
		case typeSection:
			for range in.index() {
				m.types = append(m.types, readType(in))
			}
		case importSection:
			for range in.index() {
				in.bytes(in.index())
				in.bytes(in.index())
				if in.byte() != 0 {
					fail("it imports what is not a function")
				}
				in.index()
				m.imported++
			}
		case functionSection:
			for range in.index() {
				m.functions = append(m.functions, in.index())
			}
		case globalSection:
			m.globals = in.index()
		}
	}
	for _, id := range []byte{typeSection, importSection, functionSection, globalSection, exportSection, codeSection} {
		if !present[id] {
			fail("it has no section %d", id)
		}
	}
}

// readType reads a function type and returns the number of its parameters.
func readType(in *reader) int {
	if in.byte() != 0x60 {
		fail("it has a type that is not of a function")
	}
	parameters := in.index()
	in.bytes(parameters)
	in.bytes(in.index())
	return parameters
}

// write encodes the changed module. The new import is numbered behind those that
// are there, the new global and the new type behind all.
func (m *module) write() []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	for _, s := range m.sections {
		if s.id == customSection {
			continue
		}
		body := m.rewrite(s)
		out = append(out, s.id)
		out = binary.AppendUvarint(out, uint64(len(body)))
		out = append(out, body...)
	}
	return out
}

func (m *module) rewrite(s section) []byte {
	in := &reader{b: s.body}
	switch s.id {
	case typeSection:
		return appended(in, []byte{0x60, 0, 0})
	case importSection:
		return appended(in, slices.Concat(name(Module), name(Yield), []byte{0}, index(len(m.types))))
	case globalSection:
		return appended(in, []byte{0x7e, 1, 0x42, 0, 0x0b}) // a mutable i64, at first 0
	case exportSection:
		return m.exports(in)
	case startSection:
		return index(m.function(in.index()))
	case elementSection:
		return m.elements(in)
	case codeSection:
		return m.code(in)
	}
	return s.body
}

// function is the new number of a function.
func (m *module) function(i int) int {
	if i >= m.imported {
		i++
	}
	return i
}

func (m *module) exports(in *reader) []byte {
	n := in.index()
	out := index(n + 1)
	for range n {
		out = append(out, name(string(in.bytes(in.index())))...)
		kind, i := in.byte(), in.index()
		if kind == 0 {
			i = m.function(i)
		}
		out = append(append(out, kind), index(i)...)
	}
	return slices.Concat(out, name(Fuel), []byte{3}, index(m.globals))
}

func (m *module) elements(in *reader) []byte {
	n := in.index()
	out := index(n)
	for range n {
		if in.byte() != 0 {
			fail("it has an element segment that is not active in table 0")
		}
		out = append(out, 0)
		start := in.at
		for in.instruction().op != end {
		}
		out = append(out, in.b[start:in.at]...)
		functions := in.index()
		out = append(out, index(functions)...)
		for range functions {
			out = append(out, index(m.function(in.index()))...)
		}
	}
	return out
}

// appended is a vector with one more item, which in is at the beginning of.
func appended(in *reader, item []byte) []byte {
	n := in.index()
	return slices.Concat(index(n+1), in.b[in.at:], item)
}

func index(i int) []byte { return binary.AppendUvarint(nil, uint64(i)) }

func name(s string) []byte { return append(index(len(s)), s...) }
