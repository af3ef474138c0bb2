package api

import (
	"fmt"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// field is a member that a type knows.
type field struct {
	name, alias string
	optional    bool // may be left out
	read        func(value) error
}

// required is a member that must be there; null is given to read like any value.
func required[T any](name string, dst *T, read func(value) (T, error)) field {
	return field{name: name, read: into(dst, read)}
}

// optional is a member that may be left out or null, either of which leaves
// nil in dst.
func optional[T any](name string, dst **T, read func(value) (T, error)) field {
	return field{name: name, optional: true, read: func(v value) error {
		if v.isNull() {
			return nil
		}
		*dst = new(T)
		return into(*dst, read)(v)
	}}
}

// defaulted is a member that may be left out, but not null.
func defaulted[T any](name string, dst *T, read func(value) (T, error)) field {
	return field{name: name, optional: true, read: into(dst, read)}
}

func into[T any](dst *T, read func(value) (T, error)) func(value) error {
	return func(v value) (err error) {
		*dst, err = read(v)
		return err
	}
}

// fields reads an object with the given members and ignores others.
func (v value) fields(fields ...field) error {
	return v.members(fields, func(string) error { return nil })
}

// onlyFields reads an object with the given members and refuses others.
func (v value) onlyFields(fields ...field) error {
	return v.members(fields, func(name string) error {
		var known []string
		for _, f := range fields {
			known = append(known, "`"+f.name+"`")
		}
		return fmt.Errorf("unknown field `%s`, expected one of %s", name, strings.Join(known, ", "))
	})
}

func (v value) members(fields []field, unknown func(name string) error) error {
	var seen uint64 // bit i: fields[i] was there
	err := v.object(func(name string, v value) error {
		for i, f := range fields {
			if name != f.name && (f.alias == "" || name != f.alias) {
				continue
			}
			if seen&(1<<i) != 0 {
				return fmt.Errorf("duplicate field `%s`", f.name)
			}
			seen |= 1 << i
			if err := f.read(v); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		}
		return unknown(name)
	})
	if err != nil {
		return err
	}
	for i, f := range fields {
		if !f.optional && seen&(1<<i) == 0 {
			return fmt.Errorf("missing field `%s`", f.name)
		}
	}
	return nil
}

// listOf makes a reader of lists of a reader of elements.
func listOf[T any](read func(value) (T, error)) func(value) ([]T, error) {
	return func(v value) ([]T, error) {
		list := []T{}
		err := v.list(func(v value) error {
			element, err := read(v)
			list = append(list, element)
			return err
		})
		return list, err
	}
}

// HashMap is a JSON object with hashes as member names, in the order of the
// text. When read, a name that comes twice keeps its first place and its last
// value, as in the reference.
type HashMap[V any] []HashEntry[V]

// HashEntry is one member of a [HashMap].
type HashEntry[V any] struct {
	Hash  protocol.AnyHash
	Value V
}

func hashMapOf[V any](read func(value) (V, error)) func(value) (HashMap[V], error) {
	return func(v value) (HashMap[V], error) {
		entries := HashMap[V]{}
		places := map[string]int{}
		err := v.object(func(name string, v value) error {
			hash, err := protocol.ParseAnyHash(name)
			if err != nil {
				return err
			}
			val, err := read(v)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if place, ok := places[name]; ok {
				entries[place].Value = val
				return nil
			}
			places[name] = len(entries)
			entries = append(entries, HashEntry[V]{hash, val})
			return nil
		})
		return entries, err
	}
}

// nullable makes a reader of a value or null of a reader of the value.
func nullable[T any](read func(value) (T, error)) func(value) (*T, error) {
	return func(v value) (*T, error) {
		if v.isNull() {
			return nil, nil
		}
		t, err := read(v)
		return &t, err
	}
}

func (v value) anyHash() (protocol.AnyHash, error) {
	s, err := v.text()
	if err != nil {
		return "", err
	}
	return protocol.ParseAnyHash(s)
}
