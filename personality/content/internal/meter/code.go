package meter

import "slices"

// code rewrites the bodies of all functions.
func (m *module) code(in *reader) []byte {
	n := in.index()
	if n != len(m.functions) {
		fail("it has %d functions and %d bodies", len(m.functions), n)
	}
	out := index(n)
	for i := range n {
		body := m.body(m.functions[i], &reader{b: in.bytes(in.index())})
		out = append(append(out, index(len(body))...), body...)
	}
	return out
}

// body rewrites one function. It gets one more local, for the lengths of copies,
// if it has any.
func (m *module) body(typ int, in *reader) []byte {
	if typ >= len(m.types) {
		fail("a function has the unknown type %d", typ)
	}
	groups := in.index()
	start, locals := in.at, m.types[typ]
	for range groups {
		locals += in.index()
		in.byte()
	}
	declared := in.b[start:in.at]

	step := m.step()
	code := slices.Clone(step)
	copies := false
	for !in.done() {
		at := in.at
		switch op := in.instruction(); op.op {
		case loop:
			code = append(append(code, in.b[at:in.at]...), step...)
		case call, refFunc:
			code = append(append(code, byte(op.op)), index(m.function(op.index))...)
		case memoryCopy, memoryFill, memoryInit:
			copies = true
			code = append(append(code, m.copyStep(locals)...), in.b[at:in.at]...)
		default:
			code = append(code, in.b[at:in.at]...)
		}
	}
	if copies {
		return slices.Concat(index(groups+1), declared, []byte{1, 0x7f}, code)
	}
	return slices.Concat(index(groups), declared, code)
}

// step counts one step and yields if there is no fuel left.
func (m *module) step() []byte {
	fuel := index(m.globals)
	return slices.Concat(
		[]byte{0x23}, fuel, []byte{0x42, 1, 0x7d}, // global.get; i64.const 1; i64.sub
		[]byte{0x24}, fuel, []byte{0x23}, fuel, // global.set; global.get
		[]byte{0x42, 0, 0x53, 0x04, 0x40},             // i64.const 0; i64.lt_s; if
		[]byte{call}, index(m.imported), []byte{0x0b}) // call yield; end
}

// copyStep counts the bytes that the instruction behind it is to copy, whose number
// is on the stack and stays there.
func (m *module) copyStep(local int) []byte {
	fuel, length := index(m.globals), index(local)
	return slices.Concat(
		[]byte{0x22}, length, []byte{0x23}, fuel, []byte{0x20}, length, // local.tee; global.get; local.get
		[]byte{0xad, 0x42, bytesPerStepLog2, 0x88, 0x7d}, // i64.extend_i32_u; i64.const; i64.shr_u; i64.sub
		[]byte{0x24}, fuel) // global.set
}
