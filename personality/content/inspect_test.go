package content

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// One instance answers all that is asked about a content, and another one the question on
// which it fails. Nothing is asked about content that is not valid.
func TestInspectionsShareAnInstance(t *testing.T) {
	p := newPolicy(t)
	<-p.compiled
	for _, test := range []struct {
		name      string
		sample    []byte
		wit       bool
		instances int64
		valid     bool
		hasWIT    bool
	}{
		{"a module", functionOf("", ""), false, 1, true, false},
		{"a module of which WIT is asked", functionOf("", ""), true, 1, true, false},
		{"a component", importing("a:b/c"), true, 1, true, true},
		{"a component that the decoder refuses", importing(dependencies[0]), true, 1, true, false},
		{"a component that the decoder panics on", importingFunction("url=<https://example.com/a.wasm>"), true, 2, true, false},
		{"no WebAssembly", []byte("text"), true, 1, false, false},
	} {
		before := p.small.arrived
		i, err := p.Inspect(t.Context(), bytes.NewReader(test.sample), int64(len(test.sample)), test.wit)
		if _, rejected := errors.AsType[*RejectedError](err); rejected == test.valid || !test.valid && (i.Description.JSON != nil || i.WIT.JSON != nil) {
			t.Errorf("%s: %+v, %v", test.name, i, err)
			continue
		}
		if got := p.small.arrived - before; got != test.instances {
			t.Errorf("%s took %d instances, want %d", test.name, got, test.instances)
		}
		if !test.valid {
			continue
		}
		if i.Description.JSON == nil || (i.WIT.JSON != nil) != test.hasWIT || (i.WIT.None != nil) != (test.wit && !test.hasWIT) {
			t.Errorf("%s: %s, %+v", test.name, i.Description.JSON, i.WIT)
		}
	}
	if p.small.free != allSmall || p.processors.free != p.processors.capacity || p.large.arrived != 0 {
		t.Error("turns were not given back, or much memory was used")
	}
}

// importingFunction is a component that imports a function, of nothing, by this name.
func importingFunction(name string) []byte {
	return componentOf(
		vector(componentType, []byte{0x40, 0, 1, 0}),
		vector(componentImport, slices.Concat([]byte{0}, leb(len(name)), []byte(name), []byte{1, 0})))
}

// Each question has its own bound of work, and all of the work is charged for.
func TestWorkOfQuestions(t *testing.T) {
	turns := newTurns(2)
	// Somebody else is there, or nothing would be remembered.
	if err := turns.acquire(t.Context(), "other", 1, 0); err != nil {
		t.Fatal(err)
	}
	w := &work{turns: turns, client: "a"}
	if err := w.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	const some = 5 * sliceSteps
	w.done(some)
	w.again()
	if _, err := w.more(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.done(maxSteps(0) - 1)
	if left, err := w.more(t.Context()); err != nil || left != 1 {
		t.Errorf("of its work are %d steps left, %v", left, err)
	}
	w.done(1)
	if _, err := w.more(t.Context()); err == nil {
		t.Error("there is no bound")
	}
	w.end()
	if got := turns.clients["a"].virtual; got != some+maxSteps(0) {
		t.Errorf("charged for %d steps, want %d", got, some+maxSteps(0))
	}
}
