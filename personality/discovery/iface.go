package discovery

import (
	"context"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// maxInterfaceVersions bounds those of an interface in an answer.
const maxInterfaceVersions = 100

// Interface returns who exports and imports an interface "wasi:http/incoming-handler". page
// is the Next of the list that is to be continued: Exported or Imported; the other list
// begins anew. Errors: [ErrNotFound], [ErrBadQuery], [ErrUnavailable].
func (x *Index) Interface(ctx context.Context, name, page string) (i discovery.Interface, err error) {
	err = x.answer(ctx, func(t tx) (err error) {
		i, err = x.readInterface(t, name, page)
		return err
	})
	return i, err
}

func (x *Index) readInterface(t tx, name, page string) (i discovery.Interface, err error) {
	name, _, _ = strings.Cut(name, "@")
	i = discovery.Interface{Name: name, Versions: []discovery.InterfaceAmount{}}
	if i.LogLength, err = t.number(metaPosition); err != nil {
		return i, err
	}
	if err := readAmounts(t, &i); err != nil {
		return i, err
	}
	definer, _, _ := strings.Cut(name, "/")
	if id, err := findPackage(t, definer); err == nil {
		latest, err := x.latest(t, id, definer)
		if err != nil {
			return i, err
		}
		if latest != nil {
			i.Defined = []discovery.Summary{latest.Summary}
		}
	} else if err != ErrNotFound {
		return i, err
	}
	if len(i.Versions) == 0 && i.Defined == nil {
		return i, ErrNotFound
	}
	exports, imports := page, page
	if side, rest, ok := strings.Cut(page, "."); ok {
		exports, imports = "", ""
		switch side {
		case "e":
			exports = rest
		case "i":
			imports = rest
		}
	} else if page != "" {
		return i, badQuery("page is not one that this registry gave")
	}
	if i.Exported, err = x.taggedPage(t, tag{tagExport, name, anyVersion}, exports, discovery.DefaultLimit); err != nil {
		return i, err
	}
	if i.Imported, err = x.taggedPage(t, tag{tagImport, name, anyVersion}, imports, discovery.DefaultLimit); err != nil {
		return i, err
	}
	if i.Exported.Next != "" {
		i.Exported.Next = "e." + i.Exported.Next
	}
	if i.Imported.Next != "" {
		i.Imported.Next = "i." + i.Imported.Next
	}
	return i, nil
}

// readAmounts reads how many packages use which version, the newest first.
func readAmounts(t tx, i *discovery.Interface) error {
	amounts := map[string]*discovery.InterfaceAmount{}
	for _, kind := range []tagKind{tagExport, tagImport} {
		err := t.rows(`SELECT version, packages FROM tags WHERE kind = ? AND name = ? AND version <> ? LIMIT ? + 0`, []any{int64(kind), i.Name, anyVersion, maxVersions}, func(scan func(...any) error) error {
			var version string
			var n int64
			if err := scan(&version, &n); err != nil || n <= 0 {
				return err
			}
			if amounts[version] == nil {
				amounts[version] = &discovery.InterfaceAmount{Version: version}
			}
			if kind == tagExport {
				amounts[version].Exports = n
			} else {
				amounts[version].Imports = n
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, a := range amounts {
		i.Versions = append(i.Versions, *a)
	}
	sortAmounts(i.Versions)
	i.Versions = i.Versions[:min(len(i.Versions), maxInterfaceVersions)]
	return nil
}

// Key returns what a key did, and may do, in this registry. Errors: [ErrNotFound],
// [ErrUnavailable].
func (x *Index) Key(ctx context.Context, id protocol.KeyID) (key discovery.Key, err error) {
	err = x.view(ctx, func(t tx) (err error) {
		key, err = readKey(t, id)
		return err
	})
	return key, err
}

func readKey(t tx, id protocol.KeyID) (key discovery.Key, err error) {
	key = discovery.Key{Key: id, Packages: []discovery.KeyPackage{}}
	var number int64
	found, err := t.row(`SELECT id, public, records FROM keys WHERE key = ?`, []any{string(id)}, &number, &key.PublicKey, &key.Records)
	if err == nil && !found {
		err = ErrNotFound
	}
	if err != nil {
		return key, err
	}
	if key.LogLength, err = t.number(metaPosition); err != nil {
		return key, err
	}
	if _, err := t.row(`SELECT COUNT(*) FROM held WHERE key = ? AND package <> ?`, []any{number, operatorLog}, &key.Total); err != nil {
		return key, err
	}
	err = t.rows(`SELECT h.package, COALESCE(p.name, ''), h.permissions, h.records, h.last, h.record, h.time FROM held h LEFT JOIN packages p ON p.id = h.package
		WHERE h.key = ? ORDER BY h.package LIMIT ? + 0`, []any{number, maxHeld + 1}, func(scan func(...any) error) error {
		var one discovery.KeyPackage
		var pkg int64
		var permissions string
		var last, at *int64
		var record []byte
		if err := scan(&pkg, &one.Name, &permissions, &one.Records, &last, &record, &at); err != nil {
			return err
		}
		one.Permissions = list(permissions)
		if last != nil && at != nil {
			one.Last = &discovery.Change{Time: timeOf(*at), Key: id, RegistryIndex: indexOf(*last)}
			copy(one.Last.Record[:], record)
		}
		if pkg == operatorLog {
			key.Operator = &one
		} else if len(key.Packages) < maxHeld {
			key.Packages = append(key.Packages, one)
		}
		return nil
	})
	return key, err
}
