package reader_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
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
	s.Options.Index = index.NewTree(100)
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
		"another leaf of the block": {`UPDATE records SET record_id = zeroblob(32) WHERE registry_index = 3`, []uint64{1, 2}, proof.ErrPath},
		"a leaf of the block lost":  {`UPDATE records SET registry_index = NULL WHERE registry_index = 3`, []uint64{1, 2}, nil},
		"the leaf itself lost":      {`UPDATE records SET registry_index = NULL WHERE registry_index = 1`, []uint64{1}, nil},
		"roots of the checkpoint":   {`UPDATE checkpoints SET roots = zeroblob(length(roots))`, []uint64{1}, proof.ErrPath},
		"a tile lost":               {`DELETE FROM map_tiles`, []uint64{1}, index.ErrCorrupt},
		"a tile changed":            {`UPDATE map_tiles SET data = zeroblob(length(data))`, []uint64{1}, index.ErrCorrupt},
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
