package integration

import (
	"encoding/binary"
	"strings"
)

// What follows encodes WebAssembly by hand. Sources: the core specification's
// chapter "Binary Format", and design/mvp/Binary.md of the component model.

const (
	moduleHeader    = "\x00asm\x01\x00\x00\x00"
	componentHeader = "\x00asm\x0d\x00\x01\x00"

	i32 = "\x7f" // a type of core modules
	u32 = "\x79" // a type of components
)

// Section ids of core modules, and of components.
const (
	custom, coreTypes, coreImports, coreFunctions, coreExports, coreCode = 0, 1, 2, 3, 7, 10

	coreModule, coreInstances, aliases, types, canons, imports, exports = 1, 2, 6, 7, 8, 10, 11
)

// emptyComponent is the smallest component, of eight bytes.
func emptyComponent() []byte { return []byte(componentHeader) }

// module returns a module that does nothing but hold a note.
func module(note string) []byte {
	return []byte(moduleHeader + section(custom, name("note")+note))
}

// adder is a component that exports the function "add" of two parameters.
func adder() []byte {
	code := "\x20\x00" + "\x20\x01" + "\x6a" // local.get 0, local.get 1, i32.add
	return []byte(componentHeader +
		section(coreModule, moduleHeader+
			vector(coreTypes, coreFunction(2))+
			vector(coreFunctions, "\x00")+
			vector(coreExports, coreExport("add", 0))+
			vector(coreCode, body(code))) +
		vector(coreInstances, "\x00\x00\x00") + // module 0, without arguments
		vector(aliases, coreAlias(0, "add")) +
		vector(types, function("left", "right")) +
		vector(canons, lift(0, 0)) +
		vector(exports, export("add", 0)))
}

// dependent is a component that exports a function of one parameter, and imports
// another package: an instance with a function of the parameters given, which
// all get that one parameter. The official client takes imports with names such
// as "unlocked-dep=<example:add@{>=1.0.0}>" for dependencies.
func dependent(exported, dependency, imported string, parameters ...string) []byte {
	code := strings.Repeat("\x20\x00", len(parameters)) + "\x10\x00" // local.get 0 ..., call 0
	return []byte(componentHeader +
		vector(types, instanceType(imported, function(parameters...))) +
		vector(imports, "\x00"+name(dependency)+"\x05\x00") + // an instance of type 0
		vector(aliases, "\x01\x00\x00"+name(imported)) + // function 0 is from instance 0
		vector(canons, "\x01\x00\x00\x00") + // lowered, as core function 0
		section(coreModule, moduleHeader+
			vector(coreTypes, coreFunction(len(parameters)), coreFunction(1))+
			vector(coreImports, name("dependency")+name(imported)+"\x00\x00")+ // of type 0
			vector(coreFunctions, "\x01")+
			vector(coreExports, coreExport(exported, 1))+
			vector(coreCode, body(code))) +
		vector(coreInstances,
			"\x01\x01"+coreExport(imported, 0),             // core function 0, as an instance
			"\x00\x00\x01"+name("dependency")+"\x12\x00") + // module 0, with instance 0
		vector(aliases, coreAlias(1, exported)) +
		vector(types, function("input")) +
		vector(canons, lift(1, 1)) +
		vector(exports, export(exported, 1)))
}

// number encodes n in LEB128.
func number(n int) string { return string(binary.AppendUvarint(nil, uint64(n))) }

func name(s string) string { return number(len(s)) + s }

func section(id byte, content string) string { return string(id) + name(content) }

// vector is a section of items.
func vector(id byte, items ...string) string {
	return section(id, number(len(items))+strings.Join(items, ""))
}

// body is a function's code, without locals of its own.
func body(instructions string) string { return name("\x00" + instructions + "\x0b") }

// coreFunction is the type of a function of so many numbers, with one result.
func coreFunction(parameters int) string {
	return "\x60" + name(strings.Repeat(i32, parameters)) + name(i32)
}

// coreExport exports a function of a core module.
func coreExport(as string, function int) string { return name(as) + "\x00" + number(function) }

// coreAlias makes a core function of what a core instance exports.
func coreAlias(instance int, exported string) string {
	return "\x00\x00\x01" + number(instance) + name(exported)
}

// function is the type of a component's function of numbers, with one result.
func function(parameters ...string) string {
	list := number(len(parameters))
	for _, p := range parameters {
		list += name(p) + u32
	}
	return "\x40" + list + "\x00" + u32
}

// instanceType is the type of an instance that exports one function.
func instanceType(exported, functionType string) string {
	return "\x42\x02" + "\x01" + functionType + "\x04\x00" + name(exported) + "\x01\x00"
}

// lift makes a component's function of a core function.
func lift(coreFunction, functionType int) string {
	return "\x00\x00" + number(coreFunction) + "\x00" + number(functionType)
}

// export exports a component's function.
func export(as string, function int) string {
	return "\x00" + name(as) + "\x01" + number(function) + "\x00"
}
