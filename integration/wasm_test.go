package integration

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// What follows encodes WebAssembly by hand. Sources: the core specification's
// chapter "Binary Format", and design/mvp/Binary.md of the component model.

// wasmModule returns a valid module that does nothing; for each text it is
// another one.
func wasmModule(text string) []byte {
	return slices.Concat([]byte("\x00asm\x01\x00\x00\x00"), section(0, name("note"), []byte(text)))
}

// Section ids of core modules.
const (
	coreTypes, coreImports, coreFunctions, coreExports, coreCode = 1, 2, 3, 7, 10
)

// Section ids of components.
const (
	coreModule, coreInstances             = 1, 2
	aliases, types, canons, imports, exports = 6, 7, 8, 10, 11
)

const (
	i32 = "\x7f" // of core modules
	u32 = "\x79" // of components

	localGet, call, i32Const = "\x20", "\x10", "\x41"
)

// adderComponent exports add, a function that adds its two parameters.
func adderComponent() []byte {
	module := core(
		vector(coreTypes, coreFunction(2)),
		vector(coreFunctions, "\x00"),
		vector(coreExports, name("add")+"\x00\x00"),
		vector(coreCode, body(localGet+"\x00"+localGet+"\x01"+"\x6a"))) // i32.add
	return component(
		section(coreModule, module),
		vector(coreInstances, "\x00\x00\x00"), // of module 0, without arguments
		vector(aliases, coreExport(0, "add")),
		vector(types, function("left", "right")),
		vector(canons, lift(0, 0)),
		vector(exports, export("add", 0)))
}

// dependentComponent exports a function of one parameter, and imports another
// package: an instance with a function of so many parameters, all of which get
// that parameter. A package manager may choose what it takes for dependency, as
// in "unlocked-dep=<example:add@{>=1.0.0}>".
func dependentComponent(exported, dependency, imported string, parameters ...string) []byte {
	arguments := ""
	for range parameters {
		arguments += localGet + "\x00"
	}
	module := core(
		vector(coreTypes, coreFunction(len(parameters)), coreFunction(1)),
		vector(coreImports, name("dependency")+name(imported)+"\x00\x00"), // a function of type 0
		vector(coreFunctions, "\x01"),
		vector(coreExports, name(exported)+"\x00\x01"),
		vector(coreCode, body(arguments+call+"\x00")))
	instanceType := "\x42\x02" + // two declarations: a type, and an export of it
		"\x01" + function(parameters...) +
		"\x04" + "\x00" + name(imported) + "\x01\x00"
	return component(
		vector(types, instanceType),
		vector(imports, "\x00"+name(dependency)+"\x05\x00"), // an instance of type 0
		vector(aliases, "\x01\x00\x00"+name(imported)),      // function 0, of instance 0
		vector(canons, "\x01\x00\x00\x00"),                  // lower function 0, as core function 0
		section(coreModule, module),
		vector(coreInstances,
			"\x01"+number(1)+name(imported)+"\x00\x00",                   // exports core function 0
			"\x00\x00"+number(1)+name("dependency")+"\x12\x00"), // of module 0, with that instance
		vector(aliases, coreExport(1, exported)),
		vector(types, function("input")),
		vector(canons, lift(1, 1)),
		vector(exports, export(exported, 1)))
}

func core(sections ...[]byte) []byte {
	return slices.Concat([]byte("\x00asm\x01\x00\x00\x00"), slices.Concat(sections...))
}

func component(sections ...[]byte) []byte {
	return slices.Concat([]byte("\x00asm\x0d\x00\x01\x00"), slices.Concat(sections...))
}
