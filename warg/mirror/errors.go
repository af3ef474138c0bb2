package mirror

import (
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// InconsistentError says that a registry contradicts its own tree head, or what it gave
// before: it lies, or somebody between does, or it lost something. Asking again does not
// help. Nothing of what contradicts was written.
type InconsistentError struct {
	Log  tlog.Log
	Path string // of the file that is wrong or missing, below the registry's URL
	Err  error
}

func (e *InconsistentError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }
func (e *InconsistentError) Unwrap() error { return e.Err }
