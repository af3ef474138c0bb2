package publisher_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
)

// On a database whose newest checkpoint is damaged nothing is signed.
func TestDamagedDatabase(t *testing.T) {
	for name, statement := range map[string]string{
		"subtrees of another log":      `UPDATE checkpoints SET roots = CAST(zeroblob(length(roots)) AS BLOB)`,
		"too many subtrees":            `UPDATE checkpoints SET roots = CAST(roots || zeroblob(32) AS BLOB)`,
		"another log root":             `UPDATE checkpoints SET log_root = map_root`,
		"newest checkpoint missing":    `DELETE FROM checkpoints WHERE log_length = (SELECT MAX(log_length) FROM checkpoints)`,
		"all missing":                  `DELETE FROM checkpoints`,
		"the log of checkpoints":       `UPDATE checkpoints_log SET size = size + 1`,
		"another log of checkpoints":   `UPDATE checkpoints_log SET subtrees = CAST(zeroblob(length(subtrees)) AS BLOB)`,
		"a longer log of checkpoints":  `UPDATE checkpoints_log SET size = 2 * size`, // as many subtrees
		"a checkpoint not in that log": `UPDATE checkpoints_log SET log_length = 0`,
	} {
		t.Run(name, func(t *testing.T) {
			s := registrytest.New(t)
			s.Start()
			s.Load("example:one", 2)
			s.Eventually("all checkpoints are logged", func() bool { return allLogged(s) })
			s.Stop()
			raw, err := sql.Open("sqlite", filepath.Join(s.Dir, "registry.db"))
			s.Must(err)
			_, err = raw.Exec(statement)
			s.Must(err)
			s.Must(raw.Close())
			checkpoints := len(s.SignedCheckpoints())

			s.Renew()
			a := s.Author("example:two")
			a.Post(registrytest.Init(a.Key))
			s.Start()
			s.Eventually("signing has stopped", func() bool { return stopped(s) })
			if strings.Contains(statement, "checkpoints_log") {
				return // what was accepted may be published before that is found
			}
			if fault, _ := s.Troubles(); !strings.Contains(fault.Error(), "the registry's database is damaged") {
				t.Errorf("it says %q", fault)
			}
			if got := len(s.SignedCheckpoints()); got != checkpoints {
				t.Errorf("%d checkpoints, there were %d", got, checkpoints)
			}
			if err := s.Ready(context.Background()); err == nil {
				t.Error("ready")
			}
		})
	}
}
