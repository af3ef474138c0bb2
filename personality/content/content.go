// Package content keeps the contents that packages release, by digest, and
// decides which contents may enter.
//
// [Folder] stores them on a file system; [WasmPolicy] admits WebAssembly modules
// and components only; a content that is too costly to check is refused as such.
package content

import (
	"context"
	"io"
	"time"
)

// Content is one stored content, open for reading. It belongs to one goroutine.
type Content interface {
	io.ReadSeekCloser
	Size() int64        // bytes
	ModTime() time.Time // when it was stored, or held since; see [Folder.Hold]
}

// Check decides whether content may be stored. It is given the whole content,
// of size bytes, whose digest is known to be right, before anyone else can see
// it. Content that it refuses is a [*RejectedError].
type Check func(ctx context.Context, f io.ReaderAt, size int64) error
