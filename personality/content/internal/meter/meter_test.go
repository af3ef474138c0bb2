package meter

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// sample is a module with one function of every kind that is rewritten:
//
//	(import "host" "double" (func $double (param i32) (result i32)))
//	(func $sum (export "sum") (param $n i32) (result i32) (local $s i32)
//	  (loop $l (local.set $s (i32.add (local.get $s) (call $double (local.get $n))))
//	           (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
//	  (local.get $s))
//	(func $fill (export "fill") (param $n i32) (result i32)
//	  (memory.fill (i32.const 0) (i32.const 7) (local.get $n))
//	  (memory.copy (i32.const 65536) (i32.const 0) (local.get $n))
//	  (i32.load8_u (i32.const 65536)))
//	(func $indirect (export "indirect") (param $n i32) (result i32)
//	  (call_indirect (local.get $n) (i32.const 1)))
//	(table 2 funcref) (elem (i32.const 0) $double $sum) (memory 2) (global i32 (i32.const 0))
func sample() []byte {
	section := func(id byte, items ...string) []byte {
		body := append([]byte{byte(len(items))}, strings.Join(items, "")...)
		return append([]byte{id, byte(len(body))}, body...)
	}
	function := func(body string) string { return string(rune(len(body))) + body }
	return slices.Concat([]byte("\x00asm\x01\x00\x00\x00"),
		section(typeSection, "\x60\x01\x7f\x01\x7f"),
		section(importSection, "\x04host\x06double\x00\x00"),
		section(functionSection, "\x00", "\x00", "\x00"),
		section(4, "\x70\x00\x02"),
		section(5, "\x00\x02"),
		section(globalSection, "\x7f\x00\x41\x00\x0b"),
		section(exportSection, "\x03sum\x00\x01", "\x04fill\x00\x02", "\x08indirect\x00\x03"),
		section(elementSection, "\x00\x41\x00\x0b\x02\x00\x01"),
		section(codeSection,
			function("\x01\x01\x7f\x03\x40\x20\x01\x20\x00\x10\x00\x6a\x21\x01\x20\x00\x41\x01\x6b\x22\x00\x0d\x00\x0b\x20\x01\x0b"),
			function("\x00\x41\x00\x41\x07\x20\x00\xfc\x0b\x00\x41\x80\x80\x04\x41\x00\x20\x00\xfc\x0a\x00\x00\x41\x80\x80\x04\x2d\x00\x00\x0b"),
			function("\x00\x20\x00\x41\x01\x11\x00\x00\x0b")))
}

// machine runs a metered module and counts its steps.
type machine struct {
	slice  int64 // steps granted at once
	steps  int64
	yields int
	refuse error
	module api.Module
}

func run(t *testing.T, wasm []byte) *machine {
	t.Helper()
	m := &machine{slice: 10}
	runtime := wazero.NewRuntime(t.Context())
	t.Cleanup(func() { runtime.Close(context.Background()) })
	double := func(n int32) int32 { return 2 * n }
	if _, err := runtime.NewHostModuleBuilder("host").NewFunctionBuilder().WithFunc(double).Export("double").Instantiate(t.Context()); err != nil {
		t.Fatal(err)
	}
	yield := func() {
		m.yields++
		if m.refuse != nil {
			panic(m.refuse)
		}
		m.steps += m.slice
		m.fuel().Set(uint64(int64(m.fuel().Get()) + m.slice))
	}
	if _, err := runtime.NewHostModuleBuilder(Module).NewFunctionBuilder().WithFunc(yield).Export(Yield).Instantiate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var err error
	if m.module, err = runtime.Instantiate(t.Context(), wasm); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *machine) fuel() api.MutableGlobal {
	return m.module.ExportedGlobal(Fuel).(api.MutableGlobal)
}

// call returns the result of a function and the steps that it took.
func (m *machine) call(t *testing.T, function string, n uint64) (result uint64, steps int64) {
	t.Helper()
	m.steps = 0
	m.fuel().Set(0)
	results, err := m.module.ExportedFunction(function).Call(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return results[0], m.steps - int64(m.fuel().Get())
}

func TestMeteredModuleDoesTheSame(t *testing.T) {
	wasm, err := Instrument(sample())
	if err != nil {
		t.Fatal(err)
	}
	m := run(t, wasm)
	for _, test := range []struct {
		function string
		n        uint64
		result   uint64
		steps    int64
	}{
		{"sum", 1, 2, 1 + 1},
		{"sum", 100, 10100, 1 + 100},
		{"indirect", 100, 10100, 1 + 1 + 100},
		{"fill", 10, 7, 1},
		{"fill", 60_000, 7, 1 + 2*(60_000/BytesPerStep)},
	} {
		result, steps := m.call(t, test.function, test.n)
		if result != test.result || steps != test.steps {
			t.Errorf("%s(%d) = %d in %d steps, want %d in %d", test.function, test.n, result, steps, test.result, test.steps)
		}
	}
}

// The host is asked each time that the fuel is used up, and can end the call.
func TestHostEndsTheCall(t *testing.T) {
	wasm, err := Instrument(sample())
	if err != nil {
		t.Fatal(err)
	}
	m := run(t, wasm)
	m.yields = 0
	m.call(t, "sum", 1000)
	if m.yields < 90 || m.yields > 110 {
		t.Errorf("it yielded %d times in 1001 steps, 10 at once", m.yields)
	}
	m.refuse = errors.New("enough")
	if _, err := m.module.ExportedFunction("sum").Call(t.Context(), 1_000_000_000); !errors.Is(err, m.refuse) {
		t.Errorf("got %v, want the host's error", err)
	}
	m.refuse = nil
	if result, _ := m.call(t, "sum", 3); result != 12 {
		t.Errorf("afterwards: %d", result)
	}
}

// The validator, cut short anywhere or damaged, is an error and no panic.
func TestDamagedModules(t *testing.T) {
	validator, err := os.ReadFile("../../validator/validator.wasm")
	if err != nil {
		t.Fatal(err)
	}
	for _, good := range [][]byte{sample(), validator} {
		if _, err := Instrument(good); err != nil {
			t.Fatal(err)
		}
		for n := 0; n < len(good); n += 1 + len(good)/200 {
			if _, err := Instrument(good[:n]); err == nil {
				t.Errorf("the first %d bytes of %d: no error", n, len(good))
			}
		}
	}
	for name, bad := range map[string][]byte{
		"unknown instruction": bytes.Replace(sample(), []byte("\x6a\x21"), []byte("\xfd\x21"), 1),
		"unknown prefixed":    bytes.Replace(sample(), []byte("\xfc\x0b"), []byte("\xfc\x30"), 1),
		"unknown type":        bytes.Replace(sample(), []byte("\x03\x04\x03\x00\x00\x00"), []byte("\x03\x04\x03\x00\x09\x00"), 1),
		"a component":         []byte("\x00asm\x0d\x00\x01\x00"),
	} {
		if bytes.Equal(bad, sample()) {
			t.Fatalf("%s: nothing is damaged", name)
		}
		if _, err := Instrument(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
