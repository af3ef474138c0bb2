package discovery

import (
	"fmt"
	"path/filepath"
	"testing"
)

// Many lists of words become one, in many steps, and what is found stays the same.
func TestTidy(t *testing.T) {
	ctx := t.Context()
	db, err := openDatabase(ctx, filepath.Join(t.TempDir(), FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.close()
	update := func(f func(tx) error) {
		t.Helper()
		if err := db.update(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	count := func(query string) (n int) {
		t.Helper()
		update(func(t tx) error {
			_, err := t.row(query, nil, &n)
			return err
		})
		return n
	}
	const segments, found = `SELECT COUNT(DISTINCT segid) FROM docs_idx`, `SELECT COUNT(*) FROM docs WHERE docs MATCH 'common'`
	update(func(t tx) error { return t.do(`INSERT INTO docs (docs, rank) VALUES ('automerge', 0)`) })
	const docs = 15 // beyond that FTS5 merges whatever is said
	for i := range docs {
		update(func(t tx) error {
			return t.do(`INSERT INTO docs (rowid, name, text) VALUES (?, ?, 'common')`, i+1, fmt.Sprintf("word%d", i))
		})
	}
	if n := count(segments); n != docs {
		t.Fatalf("%d segments: this test shows nothing", n)
	}
	if err := new(Index).tidy(ctx, db); err != nil {
		t.Fatal(err)
	}
	if n := count(segments); n != 1 {
		t.Errorf("%d segments", n)
	}
	if n := count(found); n != docs {
		t.Errorf("%d documents are found, want %d", n, docs)
	}
}

func TestWordsAreTidiedAfterARestart(t *testing.T) {
	ctx := t.Context()
	db, err := openDatabase(ctx, filepath.Join(t.TempDir(), FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.close()
	expect := func(want int) {
		t.Helper()
		if got, err := untidied(ctx, db); err != nil || got != want {
			t.Errorf("got %d, %v, want %d", got, err, want)
		}
	}
	expect(0)
	err = db.update(ctx, func(t tx) error {
		for i := range untidy {
			if err := t.do(`INSERT INTO docs_idx (segid, term, pgno) VALUES (?, 'a', 1)`, i+1); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	expect(tidyAfter)
}
