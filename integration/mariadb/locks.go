package mariadb

import (
	"testing"
	"time"
)

// AwaitLockWait returns when a transaction waits for a lock of another one, or
// fails the test if none does within some seconds. The server makes the table that
// tells anew only if nobody has read it for 100 ms.
func (s *Server) AwaitLockWait(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end); time.Sleep(150 * time.Millisecond) {
		var waiting int
		if err := s.Admin().QueryRow(`SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'`).Scan(&waiting); err != nil {
			t.Error(err)
			return
		}
		if waiting > 0 {
			return
		}
	}
	t.Error("nobody waited for a lock")
}
