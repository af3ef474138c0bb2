package ociimage

// Imports, exports and aliases (Component Model, Binary.md, "Import and Export
// Definitions" and "Alias Definitions").

// Sorts of what is imported, exported or aliased.
const (
	sortCore      = 0x00 // followed by a sort of core WebAssembly
	sortFunc      = 0x01
	sortValue     = 0x02
	sortType      = 0x03
	sortComponent = 0x04
	sortInstance  = 0x05
)

// extern is an import or export.
type extern struct {
	name  string
	sort  byte
	index uint32 // of its type, or in an export of what is exported
	// fresh: it is a type that is not another one, such as a resource.
	fresh bool
}

// name reads a name of an import or export: 0x00 or 0x01 and the name; 0x02, a name whose
// version is canonical, and the rest of that version.
func (c *cursor) name() string {
	switch c.byte() {
	case 0x00, 0x01:
		return c.text()
	case 0x02:
		name := c.text()
		return name + c.text()
	}
	c.fail()
	return ""
}

// extern reads a name and what it stands for: an import, or an export in a type.
func (c *cursor) extern() extern {
	e := extern{name: c.name()}
	c.externType(&e)
	return e
}

func (c *cursor) externType(e *extern) {
	switch e.sort = c.byte(); e.sort {
	case sortCore:
		c.byte()
		e.index = c.u32()
	case sortFunc, sortComponent, sortInstance:
		e.index = c.u32()
	case sortValue:
		if c.byte() == 0 {
			c.u32()
		} else {
			c.valueType()
		}
	case sortType:
		if e.fresh = c.byte() != 0; !e.fresh {
			e.index = c.u32()
		}
	default:
		c.fail()
	}
}

// export reads an export of a component: a name, what is exported, and perhaps the type
// that it is to have.
func (c *cursor) export() extern {
	e := extern{name: c.name()}
	if e.sort = c.byte(); e.sort == sortCore {
		c.byte()
	}
	e.index = c.u32()
	c.option(func() {
		var as extern
		c.externType(&as)
	})
	if e.sort > sortInstance {
		c.fail()
	}
	return e
}
