package discovery

import (
	"context"
	"fmt"
)

// Words of searches come in bits, and FTS5 has a list of each: segments. Where many were
// described they are made one, so that a search looks into one list.
const (
	// tidyAfter is how many contents are described before words are tidied.
	tidyAfter = 5000
	// untidy is from how many segments on that is done at the start. FTS5 keeps about a dozen.
	untidy = 16
	// tidyPages is how much a transaction does, in pages of some 4 KiB: others write between.
	tidyPages = 1000
)

// untidied is tidyAfter if an earlier process described much and did not tidy, else 0.
func untidied(ctx context.Context, db *database) (stored int, err error) {
	err = db.view(ctx, func(t tx) error {
		var segments int
		_, err := t.row(`SELECT COUNT(DISTINCT segid) FROM docs_idx`, nil, &segments)
		if segments >= untidy {
			stored = tidyAfter
		}
		return err
	})
	return stored, err
}

// tidy makes one list of words, step by step.
func (x *Index) tidy(ctx context.Context, db *database) error {
	for _, table := range []string{"docs", "trigrams"} {
		merge := fmt.Sprintf(`INSERT INTO %s (%s, rank) VALUES ('merge', ?)`, table, table)
		for pages := -tidyPages; ctx.Err() == nil; pages = tidyPages { // less than 0: begin to merge all
			var before, after int64
			err := db.update(ctx, func(t tx) error {
				if _, err := t.row(`SELECT total_changes()`, nil, &before); err != nil {
					return err
				}
				if err := t.do(merge, pages); err != nil {
					return err
				}
				_, err := t.row(`SELECT total_changes()`, nil, &after)
				return err
			})
			if err != nil {
				return err
			}
			if after-before < 2 { // FTS5 says so: there was nothing to merge
				break
			}
		}
	}
	return nil
}
