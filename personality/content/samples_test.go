package content

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// What follows encodes WebAssembly by hand, as the specification's chapter on
// the binary format says.

var (
	emptyModule    = []byte("\x00asm\x01\x00\x00\x00")
	emptyComponent = []byte("\x00asm\x0d\x00\x01\x00")
)

// Section ids of core modules, and of components.
const (
	custom, types, functions, memories, code, data, tags = 0, 1, 3, 5, 10, 11, 13

	coreModule, component, componentType, componentImport = 1, 4, 7, 10
)

func leb(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func section(id byte, content ...[]byte) []byte {
	body := slices.Concat(content...)
	return slices.Concat([]byte{id}, leb(len(body)), body)
}

// vector is a section of items.
func vector(id byte, items ...[]byte) []byte {
	return section(id, leb(len(items)), slices.Concat(items...))
}

func module(sections ...[]byte) []byte {
	return slices.Concat(emptyModule, slices.Concat(sections...))
}

func componentOf(sections ...[]byte) []byte {
	return slices.Concat(emptyComponent, slices.Concat(sections...))
}

// functionOf is a module with one function of no parameters.
func functionOf(result string, instructions string) []byte {
	body := slices.Concat([]byte{0}, []byte(instructions), []byte{0x0b})
	return module(
		vector(types, slices.Concat([]byte{0x60, 0}, leb(len(result)), []byte(result))),
		vector(functions, []byte{0}),
		vector(code, slices.Concat(leb(len(body)), body)))
}

// importing is a component that imports an instance, of nothing, by this name.
func importing(name string) []byte {
	return componentOf(
		vector(componentType, []byte{0x42, 0}),
		vector(componentImport, slices.Concat([]byte{0}, leb(len(name)), []byte(name), []byte{5, 0})))
}

// sha384 is some integrity metadata, in the form of the W3C's Subresource Integrity.
const sha384 = "integrity=<sha384-OLBgp1GsljhM2TJ+sbHjaiH9txEUvgdDTAzHv2P24donTt6/529l+9Ua0vFImLlb>"

// dependencies are import names that stand for what a registry or a server of
// files has, rather than for an interface. The official client makes and reads
// the locked and unlocked ones.
var dependencies = []string{
	"unlocked-dep=<example:add>",
	"unlocked-dep=<example:add@*>",
	"unlocked-dep=<example:add@{>=1.0.0}>",
	"unlocked-dep=<example:add@{<2.0.0}>",
	"unlocked-dep=<example:add@{>=1.0.0 <2.0.0}>",
	"locked-dep=<example:add>",
	"locked-dep=<example:add@1.2.0>",
	"locked-dep=<example:add@1.2.0>," + sha384,
	"url=<https://example.com/add.wasm>",
	"url=<https://example.com/add.wasm>," + sha384,
	sha384,
}

// manyFunctions is a module of n functions of about 50 bytes each.
func manyFunctions(n int) []byte {
	instructions := slices.Concat(bytes.Repeat([]byte{0x41, 0x2a, 0x1a}, 16), []byte{0x0b}) // i32.const 42; drop
	body := slices.Concat(leb(len(instructions)+1), []byte{0}, instructions)
	return module(
		vector(types, []byte{0x60, 0, 0}),
		vector(functions, slices.Repeat([][]byte{{0}}, n)...),
		vector(code, slices.Repeat([][]byte{body}, n)...))
}

// bigData is a module with a data section of n bytes.
func bigData(n int) []byte {
	segment := slices.Concat([]byte{0, 0x41, 0, 0x0b}, leb(n), make([]byte, n))
	return module(vector(memories, []byte{0, 1}), vector(data, segment))
}

// costly is a valid module whose only function has br_table instructions with so many
// targets each, of so many results: the validator compares a type for each of them.
func costly(results, targets, tables int) []byte {
	table := slices.Concat([]byte{0x0e}, leb(targets), make([]byte, targets+1))
	body := slices.Concat([]byte{0},
		bytes.Repeat([]byte{0x41, 0}, results+1),
		bytes.Repeat(table, tables), []byte{0x0b})
	return module(
		vector(types, slices.Concat([]byte{0x60, 0}, leb(results), bytes.Repeat([]byte{0x7f}, results))),
		vector(functions, []byte{0}),
		vector(code, slices.Concat(leb(len(body)), body)))
}

// costlyCalls is a module of a function that calls one with so many results, and drops
// none of them, again and again: its stack of operands becomes huge.
func costlyCalls(results, calls int) []byte {
	callee := []byte{0, 0x00, 0x0b} // unreachable
	caller := slices.Concat([]byte{0}, bytes.Repeat([]byte{0x10, 0}, calls), []byte{0x00, 0x0b})
	return module(
		vector(types,
			slices.Concat([]byte{0x60, 0}, leb(results), bytes.Repeat([]byte{0x7f}, results)),
			[]byte{0x60, 0, 0}),
		vector(functions, []byte{0}, []byte{1}),
		vector(code,
			slices.Concat(leb(len(callee)), callee),
			slices.Concat(leb(len(caller)), caller)))
}

const v128 = "\xfd\x0c0123456789abcdef" // v128.const

// validSamples are accepted, by name.
func validSamples() map[string][]byte {
	samples := map[string][]byte{
		"empty module":      emptyModule,
		"empty component":   emptyComponent,
		"many functions":    manyFunctions(20_000),
		"real module":       validatorWasm,
		"large data":        bigData(5 << 20),
		"custom section":    module(section(custom, []byte("\x04name"), make([]byte, 300_000))),
		"nested module":     componentOf(section(coreModule, manyFunctions(3000)), section(custom, []byte("\x01x"))),
		"nested components": componentOf(section(component, componentOf(section(component, emptyComponent))), section(coreModule, emptyModule)),
		"multi-memory":      module(vector(memories, []byte{0, 1}, []byte{0, 1})),
		"memory64":          module(vector(memories, []byte{4, 1})),
		"GC":                module(vector(types, []byte{0x5f, 1, 0x7f, 0})),
		"exceptions":        module(vector(types, []byte{0x60, 0, 0}), vector(tags, []byte{0, 0})),
		"relaxed SIMD":      functionOf("\x7b", v128+v128+"\xfd\x80\x02"),
		"tail call":         functionOf("", "\x12\x00"),
		"wide arithmetic":   functionOf("", "\x42\x01\x42\x02\xfc\x15\x1a\x1a"),
		"component streams": componentOf(vector(componentType, []byte{0x66, 0})),
		"interface import":  importing("example:host/adding@1.2.0"),
	}
	for _, name := range dependencies {
		samples[name] = importing(name)
	}
	return samples
}

// invalidSamples are refused with these messages of wasmparser, which are those
// of the version that the reference server uses (0.121) unless noted.
var invalidSamples = []struct {
	name, message string
	bytes         []byte
}{
	{"empty", "unexpected end-of-file (at offset 0x0)", nil},
	{"magic only", "unexpected end-of-file (at offset 0x4)", []byte("\x00asm")},
	{"half a section header", "unexpected end-of-file (at offset 0x9)", append(slices.Clone(emptyModule), types)},
	{"cut in code", "unexpected end-of-file (at offset 0x493cd)", manyFunctions(9000)[:300_000]},
	{"cut in nested code", "unexpected end-of-file (at offset 0x493d9)", componentOf(section(coreModule, manyFunctions(9000)))[:300_000]},
	{"cut in data", "unexpected end-of-file (at offset 0x11)", bigData(1 << 20)[:500_000]},
	{"bad opcode", "illegal opcode: 0xff (at offset 0x17)", functionOf("", "\xff")},
	{"type mismatch", "type mismatch: expected i32 but nothing on stack (at offset 0x18)", functionOf("\x7f", "")},
	{"unknown type", "unknown type 0: type index out of bounds (at offset 0xb)", module(vector(functions, []byte{0}))},
	{"section order", "section out of order (at offset 0xf)", module(vector(memories, []byte{0, 1}), vector(types, []byte{0x60, 0, 0}))},
	{"text", "magic header not detected: bad magic number - expected=[\n    0x0,\n    0x61,\n    0x73,\n    0x6d,\n] actual=[\n    0x28,\n    0x6d,\n    0x6f,\n    0x64,\n] (at offset 0x0)", []byte("(module)")},

	{"dependency without a package", "import name `unlocked-dep=<add>` is not a valid extern name\nexpected `:` at `>` (at offset 0x10)", importing("unlocked-dep=<add>")},

	// 0.121 takes it. The component model has dropped such names since, and no
	// client makes them.
	{"relative URL", "import name `relative-url=<add.wasm>` is not a valid extern name\n`relative-url=<add.wasm>` is not in kebab case (at offset 0x10)", importing("relative-url=<add.wasm>")},

	// 0.121 gives offset 0x0 for these two, and no padding.
	{"trailing bytes", "malformed section id (at offset 0x8)", append(slices.Clone(emptyModule), 0xee, 0)},
	{"unknown version", "unknown binary version:        0x2 (at offset 0x4)", []byte("\x00asm\x02\x00\x00\x00")},
}
