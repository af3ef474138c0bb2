package files

import (
	"errors"
	"fmt"
	"os"
)

// ErrMoved: a database's file was removed or replaced while it is in use. What is
// written to it then is lost, and SQLite does not notice.
var ErrMoved = errors.New("is not the file any more that was opened: stop this process before anything else is written, and put the file back")

// InPlace returns a function that returns nil while a database's file is the one
// that it is now, and else an error that wraps [ErrMoved]. It costs a look at the
// file system. Safe for concurrent use.
func InPlace(file string) func() error {
	opened, err := os.Stat(file)
	return func() error {
		if err != nil {
			return fmt.Errorf("database %s: %w", file, err)
		}
		now, err := os.Stat(file)
		if err != nil {
			return fmt.Errorf("database %s %w: %w", file, ErrMoved, err)
		}
		if !os.SameFile(opened, now) {
			return fmt.Errorf("database %s %w", file, ErrMoved)
		}
		return nil
	}
}
