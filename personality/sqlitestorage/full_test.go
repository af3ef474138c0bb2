package sqlitestorage

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/trillian"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// When the disk is full (here: the database may not grow), the error says so,
// what was acknowledged stays, and when there is space again it goes on.
func TestDiskFull(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	tree := newTree(t, s)
	queue := func(i int) (*trillian.QueuedLogLeaf, error) {
		value := fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", 3000))
		id := sha256.Sum256(value)
		got, err := s.LogStorage().QueueLeaves(context.Background(), tree,
			[]*trillian.LogLeaf{{LeafValue: value, LeafIdentityHash: id[:], MerkleLeafHash: id[:]}}, time.Now())
		if err != nil {
			return nil, err
		}
		return got[0], nil
	}
	limit := func(pages int) {
		s.writer.Each(func(conn *sql.Conn) {
			if _, err := conn.ExecContext(t.Context(), fmt.Sprint("PRAGMA max_page_count = ", pages)); err != nil {
				t.Fatal(err)
			}
		})
	}
	limit(60)
	acknowledged := 0
	for ; acknowledged < 1000; acknowledged++ {
		if _, err = queue(acknowledged); err != nil {
			break
		}
	}
	if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), s.path) || !strings.Contains(err.Error(), "full") {
		t.Fatalf("after %d leaves: %v", acknowledged, err)
	}
	limit(100_000)
	for i := range acknowledged + 1 {
		got, err := queue(i)
		if err != nil {
			t.Fatal(err)
		}
		if there := got.Status.GetCode() == int32(codes.AlreadyExists); there != (i < acknowledged) {
			t.Errorf("leaf %d of %d acknowledged: there is %v", i, acknowledged, there)
		}
	}
}
