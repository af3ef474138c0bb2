package discovery

import (
	"context"
	"errors"
	"strings"
)

// maxLookedFor bounds the interfaces that are looked for at once.
const maxLookedFor = 200

// Known returns, of some names of interfaces without versions, those of which
// [Index.Interface] has something. Of more than 200 names the first are looked for.
// Errors: [ErrUnavailable].
func (x *Index) Known(ctx context.Context, names []string) (known map[string]bool, err error) {
	known = map[string]bool{}
	err = x.view(ctx, func(t tx) error {
		for _, name := range names[:min(len(names), maxLookedFor)] {
			has, err := hasInterface(t, name)
			if err != nil {
				return err
			}
			if has {
				known[name] = true
			}
		}
		return nil
	})
	return known, err
}

// hasInterface reports whether a package uses an interface, or is the one that defines it.
func hasInterface(t tx, name string) (bool, error) {
	var one int64
	for _, kind := range []tagKind{tagExport, tagImport} {
		used, err := t.row(`SELECT 1 FROM tags WHERE kind = ? AND name = ? AND version <> ? AND packages > 0 LIMIT 1`, []any{int64(kind), name, anyVersion}, &one)
		if used || err != nil {
			return used, err
		}
	}
	definer, _, _ := strings.Cut(name, "/")
	id, err := findPackage(t, definer)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return t.row(`SELECT 1 FROM heads h WHERE h.package = ? AND h.until = ? AND h.mask & ? <> 0 LIMIT 1`, []any{id, int64(still), defaultMask}, &one)
}
