package personality

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/wholefile"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// The operator's statements that content is withheld are not in the Trillian logs, so that
// a rebuild does not bring them back. Each process has a copy in its data folder, and gives
// a database that has lost some what it has, before it serves anything.

// statementsCopy is the file.
const statementsCopy = withheld.File

// statementsInterval is how often what is new goes into the copy.
const statementsInterval = 2 * time.Second

// CopiedStatements returns the statements in the copy in a data folder; none without one.
func CopiedStatements(dataDir string) ([]withheld.Signed, error) {
	path := filepath.Join(dataDir, statementsCopy)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the copy of the statements on withheld content: %w", err)
	}
	all, err := withheld.ParseFile(text)
	if err != nil {
		return nil, fmt.Errorf("read the statements on withheld content in %s: %w", path, err)
	}
	return all, nil
}

// restoreStatements gives the database what the copy has and it lacks.
func (s *Server) restoreStatements(ctx context.Context) error {
	copied, err := CopiedStatements(s.options.DataDir)
	if err != nil {
		return err
	}
	restored, err := s.registry.RestoreStatements(ctx, copied)
	if err != nil {
		return fmt.Errorf("bring back the statements on withheld content in %s: %w; if they are another registry's, move the file away", filepath.Join(s.options.DataDir, statementsCopy), err)
	}
	if restored > 0 {
		s.options.Logger.Warn("the database lacked statements on withheld content; they were brought back from the copy in the data folder", "statements", restored)
	}
	s.copied = uint64(len(copied)) // what is new is copied once it runs
	return nil
}

// copyStatements writes the copy again if there are new statements.
func (s *Server) copyStatements(ctx context.Context) error {
	page, err := s.registry.Withheld(ctx, 0)
	if err != nil || page.Total <= s.copied {
		return err
	}
	all := page.Statements
	for uint64(len(all)) < page.Total {
		if page, err = s.registry.Withheld(ctx, uint64(len(all))); err != nil {
			return err
		}
		if len(page.Statements) == 0 {
			break
		}
		all = append(all, page.Statements...)
	}
	err = wholefile.Replace(filepath.Join(s.options.DataDir, statementsCopy), 0o644, func(f *os.File) error {
		_, err := f.Write(withheld.AppendFile(nil, all))
		return err
	})
	if err == nil {
		s.copied = uint64(len(all))
	}
	return err
}

// keepStatementsCopied copies statements until ctx ends, and once more then.
func (s *Server) keepStatementsCopied(ctx context.Context) {
	ticks := time.NewTicker(statementsInterval)
	defer ticks.Stop()
	failed := false
	for ended := false; !ended; {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			ended = true
		}
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), statementsInterval)
		err := s.copyStatements(within)
		cancel()
		if err != nil && !failed {
			s.options.Logger.Warn("the statements on withheld content can not be copied to the data folder; a database that is lost now loses those that are new", "error", err)
		}
		failed = err != nil
	}
}
