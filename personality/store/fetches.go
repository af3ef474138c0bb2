package store

import (
	"database/sql"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Fetch is a content that is to be fetched for a record that waits for it.
type Fetch struct {
	Record          int64 // key of the record
	LogID, RecordID protocol.Hash
	Digest          protocol.Hash
	Client          WaitingClient // who posted the record
	Sources         []string      // URLs, in the order in which they are to be tried
	Tries           int           // how often a process took it before
}

// AddFetch notes that a content is to be fetched for a waiting record, unless that is
// noted already. One that failed is to be fetched anew.
func (tx *Tx) AddFetch(record int64, digest protocol.Hash, sources []string) error {
	if _, err := tx.exec(`DELETE FROM content_fetches WHERE record = ? AND digest = ? AND reason IS NOT NULL`, record, digest[:]); err != nil {
		return err
	}
	_, err := tx.exec(tx.dialect.insertIgnore+` INTO content_fetches (record, digest, sources, leased_until, tries) VALUES (?, ?, ?, 0, 0)`,
		record, digest[:], strings.Join(sources, "\n"))
	return err
}

// FetchesOf returns the contents of a record that are to be fetched, or that could not
// be: then with the reason.
func (tx *Tx) FetchesOf(record int64) (map[protocol.Hash]string, error) {
	reasons := map[protocol.Hash]string{}
	err := tx.rows(`SELECT digest, COALESCE(reason, '') FROM content_fetches WHERE record = ?`, []any{record}, func(rows *sql.Rows) error {
		var digest protocol.Hash
		var reason string
		err := rows.Scan(scanHash(&digest), &reason)
		reasons[digest] = reason
		return err
	})
	return reasons, err
}

// CountFetches counts what is to be fetched for a client, and for all.
func (tx *Tx) CountFetches(client WaitingClient) (ofClient, all int, err error) {
	err = tx.row(`SELECT COALESCE(SUM(CASE WHEN w.client = ? THEN 1 ELSE 0 END), 0), COUNT(*) FROM content_fetches f JOIN waiting w ON w.record = f.record WHERE f.reason IS NULL`,
		[]any{client[:]}, &ofClient, &all)
	return ofClient, all, err
}

// NextFetch returns the oldest fetch that no process has at a time, of other clients than
// those that are busy; [ErrNotFound] if there is none.
func (tx *Tx) NextFetch(now time.Time, busy []WaitingClient) (Fetch, error) {
	args := []any{now.UnixMilli()}
	where := `f.reason IS NULL AND f.leased_until <= ?`
	if len(busy) > 0 {
		where += ` AND w.client NOT IN (` + repeat(len(busy), `?`, `, `) + `)`
		for _, client := range busy {
			args = append(args, client[:])
		}
	}
	var f Fetch
	var sources string
	err := tx.row(`SELECT f.record, l.log_id, r.record_id, f.digest, w.client, f.sources, f.tries FROM content_fetches f
		JOIN waiting w ON w.record = f.record JOIN records r ON r.id = f.record JOIN logs l ON l.id = r.log
		WHERE `+where+` ORDER BY f.record, f.digest LIMIT 1`, args,
		&f.Record, scanHash(&f.LogID), scanHash(&f.RecordID), scanHash(&f.Digest), scanHash((*protocol.Hash)(&f.Client)), &sources, &f.Tries)
	f.Sources = strings.Split(sources, "\n")
	return f, err
}

// TakeFetch gives a fetch to the caller until a time, if no process has it now.
func (tx *Tx) TakeFetch(f Fetch, now, until time.Time) (taken bool, err error) {
	r, err := tx.exec(`UPDATE content_fetches SET leased_until = ?, tries = tries + 1 WHERE record = ? AND digest = ? AND leased_until <= ? AND reason IS NULL`,
		until.UnixMilli(), f.Record, f.Digest[:], now.UnixMilli())
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n == 1, err
}

// KeepFetch lets whoever has a fetch have it until a time; one that has passed gives it
// back.
func (tx *Tx) KeepFetch(f Fetch, until time.Time) error {
	_, err := tx.exec(`UPDATE content_fetches SET leased_until = ? WHERE record = ? AND digest = ?`, until.UnixMilli(), f.Record, f.Digest[:])
	return err
}

// FailFetch notes why a content could not be fetched.
func (tx *Tx) FailFetch(f Fetch, reason string) error {
	_, err := tx.exec(`UPDATE content_fetches SET reason = ? WHERE record = ? AND digest = ?`, reason, f.Record, f.Digest[:])
	return err
}

// FailFetches notes of all that no process has why it is not fetched.
func (tx *Tx) FailFetches(now time.Time, reason string) error {
	_, err := tx.exec(`UPDATE content_fetches SET reason = ? WHERE reason IS NULL AND leased_until <= ?`, reason, now.UnixMilli())
	return err
}

// EndFetch forgets a fetch.
func (tx *Tx) EndFetch(f Fetch) error {
	_, err := tx.exec(`DELETE FROM content_fetches WHERE record = ? AND digest = ?`, f.Record, f.Digest[:])
	return err
}

// ForgetFetches forgets those of up to limit records that do not wait any more, and
// returns of how many.
func (tx *Tx) ForgetFetches(limit int) (int, error) {
	var ended []int64
	err := tx.rows(`SELECT DISTINCT f.record FROM content_fetches f LEFT JOIN waiting w ON w.record = f.record WHERE w.record IS NULL`+tx.dialect.limit, []any{limit}, func(rows *sql.Rows) error {
		var record int64
		err := rows.Scan(&record)
		ended = append(ended, record)
		return err
	})
	if err != nil {
		return 0, err
	}
	return len(ended), batches(tx, ended, func(batch []int64) error {
		_, err := tx.exec(tx.dialect.deleteKeys(`content_fetches`, `record`, len(batch)), anys(batch)...)
		return err
	})
}

// ContentSources returns URLs where a content may be had beside this registry.
func (tx *Tx) ContentSources(digest protocol.Hash) ([]string, error) {
	var all []string
	err := tx.rows(`SELECT url FROM content_sources WHERE digest = ? ORDER BY number`, []any{digest[:]}, func(rows *sql.Rows) error {
		var url string
		err := rows.Scan(&url)
		all = append(all, url)
		return err
	})
	return all, err
}

// InsertContentSource notes a URL of a content under a number, which is not used yet or
// stays with what it has.
func (tx *Tx) InsertContentSource(digest protocol.Hash, number int, url string) error {
	_, err := tx.exec(tx.dialect.insertIgnore+` INTO content_sources (digest, number, url) VALUES (?, ?, ?)`, digest[:], number, url)
	return err
}

// ForgetContentSources forgets the URLs of contents.
func (tx *Tx) ForgetContentSources(digests []protocol.Hash) error {
	return batches(tx, digests, func(batch []protocol.Hash) error {
		args := make([]any, len(batch))
		for i := range batch {
			args[i] = batch[i][:]
		}
		_, err := tx.exec(`DELETE FROM content_sources WHERE digest IN (`+repeat(len(batch), `?`, `, `)+`)`, args...)
		return err
	})
}
