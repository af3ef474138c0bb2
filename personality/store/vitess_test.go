package store_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/warg-trillian/warg-trillian/personality/store"
)

// What vtgate says while there is no primary is no fault of the database, and not of
// the statement; what it says of anything else with the same number is. The texts
// are Vitess 0.24.4's.
func TestUnavailableVitess(t *testing.T) {
	const target = "target: warg.0.primary: "
	for text, want := range map[string]bool{
		target + "primary is not serving, there may be a reparent operation in progress":                                                      true,
		target + "no healthy tablet available for 'keyspace:\"warg\" shard:\"0\" tablet_type:PRIMARY'":                                        true,
		target + "vttablet: rpc error: code = ClusterEvent desc = operation not allowed in state NOT_SERVING during query: begin":             true,
		target + "vttablet: rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing\"":                 true,
		target + "vttablet: rpc error: code = Unavailable desc = tx engine can't accept new connections in state NotServing":                  true,
		target + "vttablet: rpc error: code = FailedPrecondition desc = wrong tablet type: PRIMARY, want: REPLICA or [], current: NotServing": true,
		target + "vttablet: rpc error: code = Unknown desc = unexpected end of file":                                                          false,
		"VT13001: [BUG] unexpected": false,
	} {
		if _, away := store.Unavailable(fmt.Errorf("begin: %w", &mysql.MySQLError{Number: 1105, Message: text})); away != want {
			t.Errorf("%q: taken for a database that does not answer: %v, want %v", text, away, want)
		}
	}
	ended := "vttablet: rpc error: code = Aborted desc = transaction 1795000000000000001: ended at 2026-11-26 19:00:00.000 UTC (exceeded timeout: 30s)"
	if _, away := store.Unavailable(&mysql.MySQLError{Number: 1317, Message: target + ended}); !away {
		t.Error("a transaction that vttablet has ended is not taken for a database that does not answer")
	}
	if _, away := store.Unavailable(errors.Join(&mysql.MySQLError{Number: 1317, Message: "Query execution was interrupted"})); away {
		t.Error("a statement that somebody interrupted is taken for a database that does not answer")
	}
}
