package ociimage

// Types are read to find the names in a WIT package (Component Model, Binary.md, "Type
// Definitions"): nothing in front of a type says how many bytes it has.

// space is what a component, or a type of one, holds: types by index, and exports.
type space struct {
	types   []*space // nil: not the type of a component
	exports []extern
	*budget
}

// budget is what may still be kept, of all spaces of a component.
type budget struct{ types, names, text int }

// spend takes a name of that many bytes from the budget.
func (b *budget) spend(text int, c *cursor) {
	b.names++
	b.text += text
	if b.names > maxNames || b.text > maxText {
		c.fail()
	}
}

func (s *space) add(t *space, c *cursor) {
	if s.budget.types++; s.budget.types > maxTypes {
		c.fail()
		return
	}
	s.types = append(s.types, t)
}

// at returns the type with an index, nil if it is not that of a component.
func (s *space) at(index uint32) *space {
	if int64(index) < int64(len(s.types)) {
		return s.types[index]
	}
	return nil
}

// declare takes the type that an import or export adds to the space.
func (s *space) declare(e extern) {
	if e.sort != sortType || s.budget.types > maxTypes {
		return
	}
	s.budget.types++
	if e.fresh {
		s.types = append(s.types, nil)
	} else {
		s.types = append(s.types, s.at(e.index))
	}
}

// alias reads an alias. A type that comes from elsewhere takes an index, but is not
// looked up: WIT packages do not have their worlds that way.
func (s *space) alias(c *cursor) {
	sort := c.byte()
	if sort == sortCore {
		c.byte()
	}
	switch c.byte() {
	case 0x00, 0x01: // of an export: index of an instance, name
		c.u32()
		c.text()
	case 0x02: // of something outside: how far, index
		c.u32()
		c.u32()
	default:
		c.fail()
	}
	if sort == sortType {
		s.add(nil, c)
	}
}

// define reads a type and adds it to the space.
func (s *space) define(c *cursor, depth int) {
	if depth > maxDepth {
		c.fail()
		return
	}
	var t *space
	switch first := c.byte(); first {
	case 0x41: // of a component
		t = &space{budget: s.budget}
		c.skipList(func() { t.declaration(c, depth) })
	case 0x42: // of an instance
		inner := space{budget: s.budget}
		c.skipList(func() { inner.declaration(c, depth) })
	case 0x40, 0x43: // of a function
		c.skipList(func() { c.text(); c.valueType() })
		c.results()
	case 0x3f: // resource
		c.byte()
		c.option(func() { c.u32() })
	default:
		c.definedType(first)
	}
	s.add(t, c)
}

func (s *space) declaration(c *cursor, depth int) {
	switch c.byte() {
	case 0x01:
		s.define(c, depth+1)
	case 0x02:
		s.alias(c)
	case 0x03:
		s.declare(c.extern())
	case 0x04:
		e := c.extern()
		s.declare(e)
		s.exports = append(s.exports, e)
		s.spend(len(e.name), c)
	default: // 0x00, a type of core WebAssembly, is not in WIT packages
		c.fail()
	}
}

func (c *cursor) results() {
	if c.byte() == 0x00 {
		c.valueType()
		return
	}
	c.skipList(func() { c.text(); c.valueType() })
}

// valueType reads a primitive type, one byte, or the index of a type: both are a signed
// LEB128 of 33 bits.
func (c *cursor) valueType() {
	for range 5 {
		if c.byte() < 0x80 {
			return
		}
	}
	c.fail()
}

// definedType reads the rest of a type of values.
func (c *cursor) definedType(first byte) {
	switch first {
	case 0x72: // record
		c.skipList(func() { c.text(); c.valueType() })
	case 0x71: // variant
		c.skipList(func() { c.text(); c.option(c.valueType); c.option(func() { c.u32() }) })
	case 0x70, 0x6b: // list, option
		c.valueType()
	case 0x67: // list of a fixed length
		c.valueType()
		c.u32()
	case 0x63: // map
		c.valueType()
		c.valueType()
	case 0x6f: // tuple
		c.skipList(c.valueType)
	case 0x6e, 0x6d: // flags, enum
		c.skipList(func() { c.text() })
	case 0x6a: // result
		c.option(c.valueType)
		c.option(c.valueType)
	case 0x69, 0x68: // own, borrow
		c.u32()
	case 0x66, 0x65: // stream, future
		c.option(c.valueType)
	default:
		if first < 0x64 || first > 0x7f { // primitive
			c.fail()
		}
	}
}
