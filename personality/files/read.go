// Package files reads the small files that settings name, and makes files that
// only their owner can read.
package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Bounds on the size of a file, in bytes. They keep a wrong path, such as that
// of a disk image, from filling the memory.
const (
	// SecretSize bounds a file with one secret: a key or a database URL.
	SecretSize = 64 << 10
	// ListSize bounds a file with settings, or with a list of keys, tokens or
	// certificates.
	ListSize = 16 << 20
)

// pipeTimeout is how long [ReadOnce] waits for the end of a pipe.
const pipeTimeout = 10 * time.Second

// Read reads a regular text file of at most limit bytes. It never waits: a
// folder, a pipe, a socket or a device is an error, for who reads a file again
// while serving must not stand still until somebody writes into a pipe. The
// errors name the path and do not quote the contents.
//
// A UTF-8 byte-order mark is left out. UTF-16, which a redirection in PowerShell
// writes, is refused.
func Read(path string, limit int64) ([]byte, error) {
	return read(path, limit, 0)
}

// ReadOnce is [Read] for a file that is read once, at start: it may also be a
// pipe, such as /dev/stdin or a shell's process substitution, that ends within
// ten seconds. A pipe that nobody writes into is empty.
func ReadOnce(path string, limit int64) ([]byte, error) {
	return read(path, limit, pipeTimeout)
}

// read does not take a pipe if wait is zero.
func read(path string, limit int64, wait time.Duration) ([]byte, error) {
	// Without O_NONBLOCK, opening a named pipe waits for somebody who writes.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	switch mode := info.Mode(); {
	case mode.IsRegular():
	case mode&fs.ModeNamedPipe != 0 && wait > 0:
		if err := f.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("%s is %s; it has to be a regular file", path, kind(mode))
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("%s is a pipe that did not end within %v", path, wait)
	case err != nil:
		return nil, err
	case int64(len(data)) > limit:
		return nil, fmt.Errorf("%s is larger than %d KiB, the most that is read", path, limit>>10)
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return nil, fmt.Errorf("%s is written in UTF-16; save it as UTF-8", path)
	}
	return bytes.TrimPrefix(data, []byte("\ufeff")), nil
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	default:
		return "a device"
	}
}
