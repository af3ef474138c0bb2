package meter

// Opcodes that mean something here. Those behind the prefix 0xfc have it above
// their number.
const (
	loop, end, call, refFunc = 0x03, 0x0b, 0x10, 0xd2

	memoryInit, memoryCopy, memoryFill = 0xfc<<8 | 8, 0xfc<<8 | 10, 0xfc<<8 | 11
)

// instruction is an opcode, and its first index if it has one.
type instruction struct {
	op    int
	index int
}

// reader reads the binary format. It panics with [malformed].
type reader struct {
	b  []byte
	at int
}

func (r *reader) done() bool { return r.at == len(r.b) }

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.b)-r.at {
		fail("it ends early")
	}
	r.at += n
	return r.b[r.at-n : r.at]
}

func (r *reader) byte() byte { return r.bytes(1)[0] }

// index reads an unsigned LEB128 of 32 bits.
func (r *reader) index() int {
	n := 0
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte()
		n |= int(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	fail("a number is too long")
	return 0
}

// skip passes over a LEB128 of any kind.
func (r *reader) skip() {
	for r.byte() >= 0x80 {
	}
}

// instruction reads one instruction with its immediates.
func (r *reader) instruction() instruction {
	op := int(r.byte())
	in := instruction{op: op}
	switch {
	case op == 0x02, op == loop, op == 0x04: // block, loop, if: a block type
		r.skip()
	case op == 0x0c, op == 0x0d, op == call, op == refFunc, op >= 0x20 && op <= 0x26: // br, br_if, locals, globals, tables
		in.index = r.index()
	case op == 0x0e: // br_table: labels and the default one
		for range r.index() + 1 {
			r.skip()
		}
	case op == 0x11, op >= 0x28 && op <= 0x3e: // call_indirect; loads and stores
		r.skip()
		r.skip()
	case op == 0x1c: // select with types
		r.bytes(r.index())
	case op == 0x3f, op == 0x40, op == 0x41, op == 0x42, op == 0xd0: // memory.size and grow; i32 and i64.const; ref.null
		r.skip()
	case op == 0x43:
		r.bytes(4)
	case op == 0x44:
		r.bytes(8)
	case op == 0xfc:
		in.op = op<<8 | r.index()
		r.prefixed(in.op & 0xff)
	case op <= 0x01, op == 0x05, op == end, op == 0x0f, op == 0x1a, op == 0x1b, op >= 0x45 && op <= 0xc4, op == 0xd1:
	default:
		fail("instruction 0x%x is not known here", op)
	}
	return in
}

// prefixed passes over the immediates of an instruction behind 0xfc.
func (r *reader) prefixed(op int) {
	switch {
	case op <= 7: // conversions
	case op == 9, op == 11, op == 13, op >= 15 && op <= 17:
		r.skip()
	case op == 8, op == 10, op == 12, op == 14:
		r.skip()
		r.skip()
	default:
		fail("instruction 0xfc 0x%x is not known here", op)
	}
}
