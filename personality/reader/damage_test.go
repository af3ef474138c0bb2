package reader_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/index"
	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/warg/proof"
)

// damage changes the database of a registry from beside, and lets it be opened
// anew, without what was cached.
func damage(s *registrytest.Setup, statement string) {
	s.T.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.Dir, "registry.db"))
	s.Must(err)
	defer db.Close()
	result, err := db.Exec(statement)
	s.Must(err)
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		s.T.Fatalf("%s changed %d rows, %v", statement, n, err)
	}
	s.Renew()
}

// No bundle is made of what does not fit together: a wrong one would make an
// honest registry look like a liar.
func TestProofsOfDamage(t *testing.T) {
	for name, c := range map[string]struct {
		statement string
		leaves    []uint64
		want      error // nil: any
	}{
		"the leaf itself changed": {`UPDATE records SET record_id = zeroblob(32) WHERE registry_index = 1`, []uint64{1}, nil},
		"the leaf itself lost":    {`UPDATE records SET registry_index = NULL WHERE registry_index = 1`, []uint64{1}, nil},
		"roots of the checkpoint": {`UPDATE checkpoints SET roots = zeroblob(length(roots))`, []uint64{1}, proof.ErrPath},
		"a tile lost":             {`DELETE FROM map_tiles`, []uint64{1}, index.ErrCorrupt},
		"a tile changed":          {`UPDATE map_tiles SET data = zeroblob(length(data))`, []uint64{1}, index.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := watched(t, 31)
			s.Stop()
			damage(s, c.statement)
			if _, _, err := s.ProveInclusion(context.Background(), 32, c.leaves); err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
}

// Leaves beside others that are damaged are proved all the same: by paths from
// Trillian alone.
func TestProofsBesideDamage(t *testing.T) {
	for name, statement := range map[string]string{
		"changed": `UPDATE records SET record_id = zeroblob(32) WHERE registry_index = 3`,
		"lost":    `UPDATE records SET registry_index = NULL WHERE registry_index = 3`,
	} {
		for _, bytes := range []int64{0, 1 << 20} {
			s, a := watched(t, 31)
			s.Stop()
			want := fromPaths(s, a, 32, []uint64{1, 2}).Encode()
			s.CacheBytes = bytes
			damage(s, statement)
			for range 2 {
				got, _, err := s.ProveInclusion(context.Background(), 32, []uint64{1, 2})
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("another leaf is %s, %d bytes of cache: %v, the right bundle: %v", name, bytes, err, slices.Equal(got, want))
				}
			}
		}
	}
}
