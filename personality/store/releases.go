package store

import (
	"database/sql"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// ReleaseKey names a version of a package.
type ReleaseKey struct {
	Log     int64
	Version string
}

// Release is a version of a package as accepted so far.
type Release struct {
	ReleaseKey
	Content  string  // digest text
	Released uint64  // position of the record that released it
	Yanked   *uint64 // position of the record that yanked it; nil: none
}

// Releases returns those of the versions that are released.
func (tx *Tx) Releases(keys []ReleaseKey) ([]Release, error) {
	var all []Release
	err := manyBatches(tx, keys, func(batch []ReleaseKey) error {
		args := make([]any, 0, 2*len(batch))
		for _, k := range batch {
			args = append(args, k.Log, k.Version)
		}
		return tx.rows(`SELECT log, version, content, released, yanked FROM releases WHERE `+repeat(len(batch), `(log = ? AND version = ?)`, ` OR `),
			args, func(rows *sql.Rows) error {
				var r Release
				err := rows.Scan(&r.Log, &r.Version, &r.Content, &r.Released, &r.Yanked)
				all = append(all, r)
				return err
			})
	})
	return all, err
}

// NamedContents returns those of the digests that an accepted or waiting record
// names.
func (tx *Tx) NamedContents(digests []protocol.Hash) (map[protocol.Hash]bool, error) {
	named := make(map[protocol.Hash]bool, len(digests))
	err := batches(tx, digests, func(batch []protocol.Hash) error {
		texts := make([]any, len(batch))
		for i, d := range batch {
			texts[i] = d.String()
		}
		some := repeat(len(batch), `?`, `, `)
		err := tx.rows(`SELECT DISTINCT content FROM releases WHERE content IN (`+some+`)`, texts, func(rows *sql.Rows) error {
			var text string
			if err := rows.Scan(&text); err != nil {
				return err
			}
			digest, err := protocol.ParseHash(text)
			named[digest] = true
			return err
		})
		if err != nil {
			return err
		}
		return tx.rows(`SELECT DISTINCT digest FROM waiting_content WHERE digest IN (`+some+`)`, hashArgs(batch), func(rows *sql.Rows) error {
			var digest protocol.Hash
			err := rows.Scan(scanHash(&digest))
			named[digest] = true
			return err
		})
	})
	return named, err
}
