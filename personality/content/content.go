// Package content keeps the contents that packages release, by digest, and
// decides which contents may enter.
//
// [Folder] stores them on a file system; [WasmPolicy] admits WebAssembly modules
// and components only.
package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Content is one stored content, open for reading. It belongs to one goroutine.
type Content interface {
	io.ReadSeekCloser
	Size() int64        // bytes
	ModTime() time.Time // when it was stored
}

// Check decides whether content may be stored. It is given the whole content,
// of size bytes, whose digest is known to be right, before anyone else can see
// it. Content that it refuses is a [*RejectedError].
type Check func(ctx context.Context, f io.ReaderAt, size int64) error

// ErrNotFound says that no content with the digest is stored.
var ErrNotFound = errors.New("content was not found")

// RejectedError says that a policy refuses content, for good: the same bytes
// would be refused again.
type RejectedError struct {
	Reason string // for the publisher
	// Costly says that finding out whether the content is good costs too much. It is
	// what [Verdicts] remember: any other refusal is cheap to repeat.
	Costly bool
}

func (e *RejectedError) Error() string { return e.Reason }

// TooLargeError says that content is larger than the store takes.
type TooLargeError struct {
	Limit int64 // bytes
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("content is larger than %d bytes, the most that this registry accepts", e.Limit)
}

// MismatchError says that content is not what its digest promised. The text is
// that of the reference server.
type MismatchError struct {
	Actual, Expected protocol.Hash
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("content digest `%s` does not match expected digest `%s`", e.Actual, e.Expected)
}
