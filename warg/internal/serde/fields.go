package serde

import (
	"fmt"
	"strings"
)

// Field is a member that a type knows, made by [Required], [RequiredBy],
// [Optional] or [Defaulted].
type Field struct {
	Name  string
	Alias string // another name, "" for none

	optional bool // may be left out
	read     func(Value) error
}

// Required is a member that must be there; null is given to read like any value.
func Required[T any](name string, dst *T, read func(Value) (T, error)) Field {
	return Field{Name: name, read: into(dst, read)}
}

// RequiredBy is [Required] with a reader that stores the value itself.
func RequiredBy(name string, read func(Value) error) Field {
	return Field{Name: name, read: read}
}

// Optional is a member that may be left out or null, either of which leaves
// nil in dst.
func Optional[T any](name string, dst **T, read func(Value) (T, error)) Field {
	return Field{Name: name, optional: true, read: func(v Value) error {
		if v.IsNull() {
			return nil
		}
		*dst = new(T)
		return into(*dst, read)(v)
	}}
}

// Defaulted is a member that may be left out, but not null.
func Defaulted[T any](name string, dst *T, read func(Value) (T, error)) Field {
	return Field{Name: name, optional: true, read: into(dst, read)}
}

func into[T any](dst *T, read func(Value) (T, error)) func(Value) error {
	return func(v Value) (err error) {
		*dst, err = read(v)
		return err
	}
}

// Parsed makes a reader of strings of a parser of their text.
func Parsed[T any](parse func(string) (T, error)) func(Value) (T, error) {
	return func(v Value) (t T, err error) {
		text, err := v.Text()
		if err != nil {
			return t, err
		}
		return parse(text)
	}
}

// ListOf makes a reader of lists of a reader of elements.
func ListOf[T any](read func(Value) (T, error)) func(Value) ([]T, error) {
	return func(v Value) ([]T, error) {
		list := []T{}
		err := v.List(func(v Value) error {
			element, err := read(v)
			list = append(list, element)
			return err
		})
		return list, err
	}
}

// Nullable makes a reader of a value or null of a reader of the value.
func Nullable[T any](read func(Value) (T, error)) func(Value) (*T, error) {
	return func(v Value) (*T, error) {
		if v.IsNull() {
			return nil, nil
		}
		t, err := read(v)
		return &t, err
	}
}

// Fields reads an object with the given members, at most 64, and ignores others.
func (v Value) Fields(fields ...Field) error {
	return v.members(fields, func(string) error { return nil })
}

// OnlyFields reads an object with the given members and refuses others.
func (v Value) OnlyFields(fields ...Field) error {
	return v.members(fields, func(name string) error {
		var known []string
		for _, f := range fields {
			known = append(known, "`"+f.Name+"`")
		}
		return fmt.Errorf("unknown field `%s`, expected one of %s", name, strings.Join(known, ", "))
	})
}

// Struct is [Value.Fields], and reads a list too, as the values in the order of
// the fields, none of which may be left out: so serde reads structs.
func (v Value) Struct(fields ...Field) error {
	if v[0] != '[' {
		return v.Fields(fields...)
	}
	n := 0
	err := v.List(func(v Value) error {
		if n == len(fields) {
			return fmt.Errorf("array has more than %d elements", n)
		}
		if err := fields[n].read(v); err != nil {
			return fmt.Errorf("%s: %w", fields[n].Name, err)
		}
		n++
		return nil
	})
	if err == nil && n < len(fields) {
		err = fmt.Errorf("array has %d elements, want %d", n, len(fields))
	}
	return err
}

func (v Value) members(fields []Field, unknown func(name string) error) error {
	var seen uint64 // bit i: fields[i] was there
	err := v.Object(func(name string, v Value) error {
		for i, f := range fields {
			if name != f.Name && (f.Alias == "" || name != f.Alias) {
				continue
			}
			if seen&(1<<i) != 0 {
				return fmt.Errorf("duplicate field `%s`", f.Name)
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
			return fmt.Errorf("missing field `%s`", f.Name)
		}
	}
	return nil
}
