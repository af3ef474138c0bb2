package content

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// ErrNotFound says that no content with the digest is stored. Whether it never was, or
// was lost, knows who knows what was published.
var ErrNotFound = errors.New("content was not found")

// RejectedError says that a policy refuses content, for good: the same bytes
// would be refused again.
type RejectedError struct {
	Reason string // for the publisher
	// Costly says that finding out whether the content is good costs too much. It is
	// worth remembering: any other refusal is cheap to repeat.
	Costly bool
}

func (e *RejectedError) Error() string { return e.Reason }

// DamagedError says that the store gave other bytes than those that its content is
// made of. It comes in the place of the last of them.
type DamagedError struct {
	Digest protocol.Hash
	Reason string // what is wrong
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("content %s is damaged in its store: %s; put the right bytes back", e.Digest, e.Reason)
}

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

// NoSpaceError says that less is free on the disk of the contents than has to stay
// free. It says nothing about the content.
type NoSpaceError struct {
	Dir          string // the content folder
	Free, Needed int64  // bytes
}

func (e *NoSpaceError) Error() string {
	return fmt.Sprintf("%s: the disk of content folder %s has %d MiB left, and %d MiB have to stay free: make space there",
		e.Reason(), e.Dir, e.Free>>20, e.Needed>>20)
}

// Reason is what to tell a client.
func (e *NoSpaceError) Reason() string { return "the registry has no space left for content" }

// UnavailableError says that the store cannot take content at the moment, whatever the
// content. It unwraps to the error of the file system, if it is about a folder.
type UnavailableError struct {
	Dir    string // the content folder, or
	Bucket string // the URL of the bucket, without what may be secret
	Full   bool   // for lack of space
	State  string // what is the matter with it, as in "is read-only"
	Err    error
}

func (e *UnavailableError) Error() string {
	if e.Bucket != "" {
		return fmt.Sprintf("content bucket %s %s: %v", e.Bucket, e.State, e.Err)
	}
	return fmt.Sprintf("content folder %s %s: %v", e.Dir, e.State, e.Err)
}

func (e *UnavailableError) Unwrap() error { return e.Err }

// Reason is what to tell a client.
func (e *UnavailableError) Reason() string {
	if e.Full {
		return "the registry has no space left for content"
	}
	if e.Bucket != "" {
		return "the registry cannot reach its content at the moment: its content bucket " + e.State
	}
	return "the registry cannot store content at the moment: its content folder " + e.State
}

// states are what errors of the operating system say about a folder.
var states = []struct {
	err   syscall.Errno
	state string
	full  bool
}{
	{syscall.ENOSPC, "has no space left on its disk", true},
	{syscall.EDQUOT, "has used up its disk quota", true},
	{syscall.EROFS, "is read-only", false},
	{syscall.ENOENT, "is missing, or a folder in it", false},
	{syscall.ENOTDIR, "is not a folder, or one above it", false},
	{syscall.EACCES, "may not be written to by the server", false},
	{syscall.EPERM, "may not be written to by the server", false},
	{syscall.EIO, "is on a disk that fails", false},
	{syscall.ESTALE, "is on a server of files that lost it", false},
	{syscall.ENOTCONN, "is on a server of files that is away", false},
}

// unavailable is err as an [*UnavailableError] if it is about the folder.
func (f *Folder) unavailable(err error) error {
	for _, s := range states {
		if errors.Is(err, s.err) {
			return &UnavailableError{Dir: f.dir, Full: s.full, State: s.state, Err: err}
		}
	}
	return err
}
