package ociimage

// cursor reads the parts of a section's body. After a failure it reads zeros, and lists
// end: whoever uses it looks at failed when a part is read.
type cursor struct {
	rest   []byte
	failed bool
}

func (c *cursor) fail() { c.failed, c.rest = true, nil }

func (c *cursor) byte() byte {
	if len(c.rest) == 0 {
		c.fail()
		return 0
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	return b
}

// u32 reads an unsigned LEB128 of at most 5 bytes.
func (c *cursor) u32() (v uint32) {
	for shift := 0; shift < 35; shift += 7 {
		b := c.byte()
		v |= uint32(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	c.fail()
	return 0
}

// count reads the length of a list. Each item has a byte at least, so that no loop goes
// far beyond what is there.
func (c *cursor) count() uint32 {
	n := c.u32()
	if int64(n) > int64(len(c.rest)) {
		c.fail()
		return 0
	}
	return n
}

func (c *cursor) text() string {
	n := c.count()
	if c.failed {
		return ""
	}
	text := string(c.rest[:n])
	c.rest = c.rest[n:]
	return text
}

// skipList reads a list with a function that reads one item.
func (c *cursor) skipList(item func()) {
	for range c.count() {
		if item(); c.failed {
			return
		}
	}
}

// option reads an item that a byte says to be there or not.
func (c *cursor) option(item func()) {
	switch c.byte() {
	case 0:
	case 1:
		item()
	default:
		c.fail()
	}
}
