package discovery

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// readStatements applies the operator's statements that are new. The registry has verified
// them when it took them.
func (x *Index) readStatements(ctx context.Context, db *database) error {
	var done uint64
	err := db.view(ctx, func(t tx) (err error) {
		done, err = t.number(metaStatements)
		return err
	})
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		x.statements.Store(done)
		page, err := x.options.Log.Withheld(ctx, done)
		if err != nil {
			return fmt.Errorf("read the statements on withheld content: %w", err)
		}
		if page.Total < done {
			return fmt.Errorf("%w: it has %d statements on withheld content, and the registry %d", errRemake, done, page.Total)
		}
		if len(page.Statements) == 0 {
			return nil
		}
		err = db.update(ctx, func(t tx) error {
			for _, s := range page.Statements {
				if err := applyStatement(t, s.Statement, x.position.Load(), x.filled.Load()); err != nil {
					return fmt.Errorf("statement %d on withheld content: %w", s.Sequence, err)
				}
			}
			return t.set(metaStatements, done+uint64(len(page.Statements)))
		})
		if err != nil {
			return err
		}
		done += uint64(len(page.Statements))
		x.hasChanged()
	}
	return nil
}

// applyStatement marks a content. A content that no release has yet is marked, too.
func applyStatement(t tx, s withheld.Statement, position uint64, filled bool) error {
	if err := t.do(`INSERT OR IGNORE INTO contents (digest) VALUES (?)`, s.Digest[:]); err != nil {
		return err
	}
	var reason any
	class := 0
	if s.Action == withheld.Withhold {
		text, err := json.Marshal(discovery.Reason{Time: s.Time, Text: s.Reason, Reference: s.Reference})
		if err != nil {
			return err
		}
		reason, class = string(text), classWithheld
	}
	var content int64
	if _, err := t.row(`UPDATE contents SET withheld = ? WHERE digest = ? RETURNING id`, []any{reason, s.Digest[:]}, &content); err != nil {
		return err
	}
	var packages, releases []int64
	err := t.rows(`SELECT id, package FROM releases WHERE content = ?`, []any{content}, func(scan func(...any) error) error {
		var release, pkg int64
		err := scan(&release, &pkg)
		packages, releases = append(packages, pkg), append(releases, release)
		return err
	})
	if err != nil {
		return err
	}
	if err := t.do(`UPDATE releases SET class = class & ? | ? WHERE content = ?`, ^classWithheld, class, content); err != nil {
		return err
	}
	for _, pkg := range packages {
		if err := newestOf(t, pkg, position, filled); err != nil {
			return err
		}
	}
	for _, release := range releases {
		if err := rewriteDoc(t, release); err != nil {
			return err
		}
	}
	return nil
}
