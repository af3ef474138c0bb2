package ociimage

import (
	"slices"
	"strings"
)

// witPackage returns the names of what a WIT package holds, sorted, each once; ok is false
// if this is none. A WIT package exports nothing but types of components, each with one
// export, whose name is that of an interface or world with its package (wit-parser,
// decoding.rs, "is_wit_package" and "decode_wit_v2_package"). What the worlds export is
// listed, too, as wkg does (oci-wasm, component.rs, "from_package").
func (o *outline) witPackage() (names []string, ok bool) {
	if o.untyped || len(o.exports) == 0 || len(o.imports) > 0 || strings.Contains(o.exports[0].name, ":") {
		return nil, false
	}
	for _, e := range o.exports {
		t := o.at(e.index)
		if e.sort != sortType || t == nil || len(t.exports) != 1 {
			return nil, false
		}
		inner := t.exports[0]
		names = append(names, inner.name)
		if world := t.at(inner.index); inner.sort == sortComponent && world != nil {
			for _, e := range world.exports {
				names = append(names, e.name)
			}
		}
		if len(names) > maxNames { // worlds may be the same one time and again
			return nil, false
		}
	}
	slices.Sort(names)
	return slices.Compact(names), true
}
