package discovery

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// A tag is something that contents have in common. Each has the list of contents that have
// it, and how many packages have a newest release with it.
type tagKind int64

const (
	tagKindOf    tagKind = iota + 1 // kind of content
	tagLicense                      // an identifier in the license expression, in lower case
	tagImport                       // an interface, or other name, that is imported; without and with each version
	tagExport                       // exported
	tagUses                         // a package of which an interface is imported, or which is imported itself
	tagNamespace                    // of the package: it has counts, and no list

	tagBits = 4 // of an id, for the kind
)

// tag is a tag by its name. The version is "*" where any is meant.
type tag struct {
	kind          tagKind
	name, version string
}

const anyVersion = "*"

// maxTags bounds those of one content; maxTagName their names in bytes.
const (
	maxTags    = 4000
	maxTagName = 256
)

// tagsOf returns the tags of a content.
func tagsOf(d discovery.Description) []tag {
	var all []tag
	seen := map[tag]bool{}
	add := func(t tag) {
		if t.name != "" && len(t.name) <= maxTagName && len(t.version) <= maxTagName && len(all) < maxTags && !seen[t] {
			seen[t] = true
			all = append(all, t)
		}
	}
	if d.Kind != "" {
		add(tag{tagKindOf, d.Kind, anyVersion})
	}
	for _, id := range licenseIDs(d.Metadata.Licenses) {
		add(tag{tagLicense, id, anyVersion})
	}
	for _, side := range []struct {
		kind  tagKind
		items []discovery.Extern
	}{{tagImport, d.Imports.Items}, {tagExport, d.Exports.Items}} {
		for _, e := range side.items {
			name, version := externName(e)
			if side.kind == tagExport && e.Package == "" && d.Kind == discovery.KindModule {
				continue // names of functions
			}
			add(tag{side.kind, name, anyVersion})
			add(tag{side.kind, name, version})
			if side.kind == tagImport {
				add(tag{tagUses, packageOf(e), anyVersion})
			}
		}
	}
	return all
}

// externName is the name of an import or export by which it is looked for: that of the
// interface, or the module of an import of a core module, and its version.
func externName(e discovery.Extern) (name, version string) {
	switch {
	case e.Package != "" && e.Interface != "":
		return e.Package + "/" + e.Interface, e.Version
	case e.Package != "":
		return e.Package, e.Version
	case e.Module != "":
		return e.Module, ""
	}
	return e.Name, ""
}

// packageOf is the package that an import needs.
func packageOf(e discovery.Extern) string { return e.Package }

// licenseIDs are the identifiers in an SPDX expression, in lower case, each once. Source:
// SPDX 3.0, annex B; what is no expression has the words in it.
func licenseIDs(expression string) []string {
	if len(expression) > 1024 {
		expression = expression[:1024]
	}
	var ids []string
	for _, word := range strings.FieldsFunc(strings.ToLower(expression), func(r rune) bool { return r <= ' ' || r == '(' || r == ')' || r == ',' || r == ';' }) {
		id := strings.TrimSuffix(strings.ToValidUTF8(word, ""), "+")
		if id == "and" || id == "or" || id == "with" || id == "" || slices.Contains(ids, id) {
			continue
		}
		ids = append(ids, id)
	}
	return ids
}

// tagID returns the id of a tag, and makes it if it is new.
func tagID(t tx, of tag) (id int64, err error) {
	if id, ok := t.db.tags[of]; ok {
		return id, nil
	}
	defer func() {
		if len(t.db.tags) >= maxKnown {
			clear(t.db.tags)
		}
		if err == nil {
			t.db.tags[of] = id
		}
	}()
	found, err := t.row(`SELECT id FROM tags WHERE kind = ? AND name = ? AND version = ?`, []any{int64(of.kind), of.name, of.version}, &id)
	if err != nil || found {
		return id, err
	}
	var last int64
	if _, err := t.row(`SELECT COALESCE(MAX(id), 0) FROM tags`, nil, &last); err != nil {
		return 0, err
	}
	id = (last>>tagBits+1)<<tagBits | int64(of.kind)
	return id, t.do(`INSERT INTO tags (id, kind, name, version) VALUES (?, ?, ?, ?)`, id, int64(of.kind), of.name, of.version)
}

func kindOfTag(id int64) tagKind { return tagKind(id & (1<<tagBits - 1)) }

// marksOf are the marks of tags: a bit for each kind and license, which others may share. What
// lacks the bit of a tag lacks the tag, and that is seen without a look into its list.
func marksOf(ids []int64) (marks int64) {
	for _, id := range ids {
		if kind := kindOfTag(id); kind == tagKindOf || kind == tagLicense {
			marks |= 1 << (id >> tagBits % 63)
		}
	}
	return marks
}

// setTags replaces the tags of a content.
func setTags(t tx, content int64, old []int64, tags []tag) ([]int64, error) {
	var ids []int64
	for _, of := range tags {
		id, err := tagID(t, of)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range old {
		if _, stays := slices.BinarySearch(ids, id); stays {
			continue
		}
		if err := t.do(`DELETE FROM postings WHERE tag = ? AND content = ?`, id, content); err != nil {
			return nil, err
		}
		if err := t.do(`UPDATE tags SET contents = contents - 1 WHERE id = ?`, id); err != nil {
			return nil, err
		}
	}
	for _, id := range ids {
		if _, was := slices.BinarySearch(old, id); was {
			continue
		}
		if err := t.do(`INSERT OR IGNORE INTO postings (tag, content) VALUES (?, ?)`, id, content); err != nil {
			return nil, err
		}
		if err := t.do(`UPDATE tags SET contents = contents + 1 WHERE id = ?`, id); err != nil {
			return nil, err
		}
	}
	return ids, t.do(`UPDATE contents SET tags = ? WHERE id = ?`, packIDs(ids), content)
}

// countTags adds n to how many packages have tags.
func countTags(t tx, ids []int64, n int) error {
	for _, id := range ids {
		if err := t.do(`UPDATE tags SET packages = packages + ? WHERE id = ?`, n, id); err != nil {
			return err
		}
	}
	return nil
}

// countHead counts the newest release of a package, by the default wish, in place of another
// one; 0: none.
func countHead(t tx, pkg, before, after int64) error {
	if before == after {
		return nil
	}
	for _, side := range []struct {
		release int64
		n       int
	}{{before, -1}, {after, 1}} {
		if side.release == 0 {
			continue
		}
		ids, err := tagsOfRelease(t, side.release)
		if err != nil {
			return err
		}
		if err := countTags(t, ids, side.n); err != nil {
			return err
		}
	}
	if before != 0 && after != 0 {
		return nil
	}
	var name string
	if _, err := t.row(`SELECT name FROM packages WHERE id = ?`, []any{pkg}, &name); err != nil {
		return err
	}
	namespace, _, _ := strings.Cut(name, ":")
	id, err := tagID(t, tag{tagNamespace, namespace, anyVersion})
	if err != nil {
		return err
	}
	n := 1
	if after == 0 {
		n = -1
	}
	if err := t.add(metaFound, int64(n)); err != nil {
		return err
	}
	return countTags(t, []int64{id}, n)
}

func tagsOfRelease(t tx, release int64) ([]int64, error) {
	var packed []byte
	_, err := t.row(`SELECT c.tags FROM releases r CROSS JOIN contents c ON c.id = r.content WHERE r.id = ?`, []any{release}, &packed)
	return unpackIDs(packed), err
}

// packIDs packs ids in order: each as the difference to the one before it.
func packIDs(ids []int64) []byte {
	b := make([]byte, 0, 3*len(ids))
	last := int64(0)
	for _, id := range ids {
		b = binary.AppendUvarint(b, uint64(id-last))
		last = id
	}
	return b
}

func unpackIDs(b []byte) (ids []int64) {
	last := int64(0)
	for len(b) > 0 {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return ids
		}
		last += int64(n)
		ids, b = append(ids, last), b[size:]
	}
	return ids
}
