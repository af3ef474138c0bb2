package store

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// riskEvery is how often Vitess is asked what could lose records, at most.
	riskEvery   = time.Minute
	riskTimeout = 5 * time.Second
	// Where semi-sync gives up sooner than this, a commit is acknowledged that no
	// other server has. Vitess's own settings have it wait for ever.
	leastSemiSyncWait = time.Hour
	// leastTablets are a primary, one that can take its place, and one that then
	// acknowledges its commits.
	leastTablets = 3
)

// riskWatch logs which settings of a Vitess keyspace lose acknowledged records, or
// stop commits, when a MySQL server ends. They change while the registry runs: a
// server that is started by hand has semi-sync off.
type riskWatch struct {
	db       *sql.DB
	keyspace string
	log      *slog.Logger

	mu   sync.Mutex
	at   time.Time // of the last look; guarded by mu
	last []string  // what it found; guarded by mu
}

// look asks, unless it has just been asked, and logs what is new. A failure to ask is
// not logged: whoever reads or writes has the same one.
func (w *riskWatch) look() {
	if w == nil || w.log == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.at) < riskEvery {
		return
	}
	w.at = time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), riskTimeout)
	defer cancel()
	found, err := vitessRisks(ctx, w.db, w.keyspace)
	if err != nil {
		return
	}
	for _, risk := range found {
		if !slices.Contains(w.last, risk) {
			w.log.Warn("the database's settings are dangerous", "keyspace", w.keyspace, "finding", risk)
		}
	}
	if len(found) == 0 && len(w.last) > 0 {
		w.log.Info("the database's settings are safe again", "keyspace", w.keyspace)
	}
	w.last = found
}

// vitessRisks says what in the settings of a keyspace is dangerous, and what to do.
// The primary answers for semi-sync, vtgate for the tablets.
func vitessRisks(ctx context.Context, on queryer, keyspace string) (found []string, err error) {
	semiSync, timeout := false, ""
	err = named(ctx, on, `SHOW GLOBAL STATUS LIKE 'rpl_semi_sync_%_status'`, func(row map[string]string) {
		name := strings.ToLower(row["Variable_name"]) // MySQL before 8.0.26 says master
		semiSync = semiSync || row["Value"] == "ON" && (strings.Contains(name, "_source_") || strings.Contains(name, "_master_"))
	})
	if err != nil {
		return nil, err
	}
	if !semiSync {
		found = append(found, "the primary's commits wait for no replica (semi-sync is off), so those that were acknowledged are lost with it: "+
			"vtctldclient SetKeyspaceDurabilityPolicy --durability-policy=semi_sync "+keyspace+", and let VTOrc run")
	}
	err = named(ctx, on, `SHOW GLOBAL VARIABLES LIKE 'rpl_semi_sync_%_timeout'`, func(row map[string]string) { timeout = row["Value"] })
	if err != nil {
		return nil, err
	}
	if ms, err := strconv.ParseInt(timeout, 10, 64); err == nil && ms < leastSemiSyncWait.Milliseconds() {
		found = append(found, fmt.Sprintf("the primary's commits wait for a replica for %d ms only: set rpl_semi_sync_source_timeout to 1000000000000000000", ms))
	}
	serving := 0
	err = named(ctx, on, `SHOW VITESS_TABLETS`, func(row map[string]string) {
		if row["Keyspace"] == keyspace && row["State"] == "SERVING" && (row["TabletType"] == "PRIMARY" || row["TabletType"] == "REPLICA") {
			serving++
		}
	})
	if err == nil && serving < leastTablets {
		found = append(found, fmt.Sprintf("%d tablets serve that are primary or replica: with fewer than %d, commits stop when one more ends", serving, leastTablets))
	}
	return found, err
}
