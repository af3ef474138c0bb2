package follow

import "fmt"

// InconsistentError says that a log contradicts itself, or what was read from it
// before: it is not append-only, or its source is wrong about it. Asking again does
// not help. Somebody must look at it, and nothing may be built on what the source
// says meanwhile.
type InconsistentError struct {
	Size uint64 // leaves of the log that the source contradicts: those known, or those of the older root
	Err  error  // what the source says, and what it should
}

func (e *InconsistentError) Error() string { return e.Err.Error() }

func (e *InconsistentError) Unwrap() error { return e.Err }

func inconsistent(known State, format string, args ...any) error {
	return &InconsistentError{Size: known.size, Err: fmt.Errorf(format, args...)}
}
