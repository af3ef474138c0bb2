package discovery

import (
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// A document is what is searched of a release that is a head: the name of its package, what
// its content says in words, and its interfaces. What is withheld has its name alone.

// docText are the words of a content.
type docText struct{ text, interfaces []string }

func docTextOf(d discovery.Description) docText {
	var names strings.Builder
	for _, list := range [][]discovery.Extern{d.Exports.Items, d.Imports.Items} {
		for _, e := range list {
			if e.Package == "" && e.Module != "" || names.Len() > 16<<10 {
				continue
			}
			name, _ := externName(e)
			names.WriteString(name)
			names.WriteByte(' ')
		}
	}
	m := d.Metadata
	return docText{
		text:       wordsOf(cut(m.Description, 16<<10)+" "+cut(m.Authors, 1<<10)+" "+cut(d.Name, 1<<10), maxWords),
		interfaces: wordsOf(names.String(), maxWords),
	}
}

// cut cuts a text to a number of bytes; what is no UTF-8 is left out.
func cut(text string, size int) string {
	if len(text) > size {
		text = text[:size]
	}
	return strings.ToValidUTF8(text, "")
}

// writeDoc writes the document of a release, in place of what is there.
func writeDoc(t tx, release int64) error {
	var content int64
	var isWithheld bool
	if _, err := t.row(`SELECT c.id, c.withheld IS NOT NULL FROM releases r CROSS JOIN contents c ON c.id = r.content WHERE r.id = ?`, []any{release}, &content, &isWithheld); err != nil {
		return err
	}
	var text docText
	if !isWithheld {
		d, found, err := readDescription(t, content)
		if err != nil {
			return err
		}
		if found {
			text = docTextOf(d)
		}
	}
	return writeDocOf(t, release, text)
}

func writeDocOf(t tx, release int64, text docText) error {
	var name string
	if _, err := t.row(`SELECT p.name FROM releases r CROSS JOIN packages p ON p.id = r.package WHERE r.id = ?`, []any{release}, &name); err != nil {
		return err
	}
	names := wordsOf(name, maxWords)
	for _, words := range [][]string{names, text.text, text.interfaces} {
		if err := learn(t, words); err != nil {
			return err
		}
	}
	return t.do(`INSERT OR REPLACE INTO docs (rowid, name, text, interfaces) VALUES (?, ?, ?, ?)`,
		release, strings.Join(names, " "), strings.Join(text.text, " "), strings.Join(text.interfaces, " "))
}

// dropDoc removes the document of a release that is no head any more.
func dropDoc(t tx, release int64) error {
	return t.do(`DELETE FROM docs WHERE rowid = ? AND NOT EXISTS (SELECT 1 FROM heads WHERE release = ?)`, release, release)
}

// rewriteDoc writes the document of a release again, if it has one.
func rewriteDoc(t tx, release int64) error {
	has, err := t.row(`SELECT release FROM heads WHERE release = ? LIMIT 1`, []any{release}, new(int64))
	if err != nil || !has {
		return err
	}
	return writeDoc(t, release)
}
