package witnesses

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"

	_ "modernc.org/sqlite" // driver of its database

	"github.com/warg-trillian/warg-trillian/integration/tools"
)

// RunLitewitness starts a litewitness with a new key and no state, in a folder, which
// must exist and whose name must be short (the path of a socket in it may have 107
// bytes). The key is Ed25519, kept by an SSH agent in this process until [Witness.Close]. It
// reads no request of more than 10 KiB.
func RunLitewitness(dir, name string, logs ...Log) (*Witness, error) {
	path, err := tools.Path("litewitness")
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	w := &Witness{Name: name, URL: "http://" + address, dir: dir}
	w.addLogs, w.size = w.addLogsLite, w.sizeLite
	socket := filepath.Join(dir, "agent")
	fingerprint, err := w.startAgent(socket)
	if err != nil {
		return nil, err
	}
	w.process = &process{path: path, ready: w.answers, args: []string{
		"-name", name, "-listen", address, "-db", w.database(), "-ssh-agent", socket, "-key", fingerprint,
	}}
	if err := w.beginLite(logs); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func (w *Witness) beginLite(logs []Log) error {
	if err := w.Start(); err != nil {
		return err
	}
	found := regexp.MustCompile(`msg="verifier key" vkey=(\S+)`).FindStringSubmatch(w.Output())
	if found == nil {
		return fmt.Errorf("litewitness did not print its key; its output:\n%s", w.Output())
	}
	w.vkeys = []string{found[1]}
	return w.AddLogs(logs...)
}

// answers is nil when the witness answers requests.
func (w *Witness) answers(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URL+"/", nil)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

func (w *Witness) database() string { return filepath.Join(w.dir, "witness.db") }

// withDatabase runs a function on the witness's SQLite database, which the witness may
// have open.
func (w *Witness) withDatabase(use func(*sql.DB) error) error {
	db, err := sql.Open("sqlite", "file:"+w.database()+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	return errors.Join(use(db), db.Close())
}

// emptyRoot is the root of a log without entries, SHA-256 of nothing (RFC 6962, 2.1).
var emptyRoot = sha256.Sum256(nil)

// addLogsLite does what torchwood's witnessctl does; litewitness has made the tables.
func (w *Witness) addLogsLite(logs []Log) error {
	return w.withDatabase(func(db *sql.DB) error {
		tx, err := db.Begin()
		if err != nil {
			return err
		}
		defer tx.Rollback()
		for _, log := range logs {
			if _, err := tx.Exec(`INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)`,
				log.Origin, base64.StdEncoding.EncodeToString(emptyRoot[:])); err != nil {
				return err
			}
			if _, err := tx.Exec(`INSERT INTO key (origin, key) VALUES (?, ?)`, log.Origin, log.VKey); err != nil {
				return err
			}
		}
		return tx.Commit()
	})
}

func (w *Witness) sizeLite(origin string) (size uint64, err error) {
	err = w.withDatabase(func(db *sql.DB) error {
		err := db.QueryRow(`SELECT tree_size FROM log WHERE origin = ?`, origin).Scan(&size)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return size, err
}
