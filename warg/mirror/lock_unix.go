//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package mirror

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// A lock that is taken is tried again for half a second: the export before may be
// ending, or a process that was just started may not have let go of its files yet.
const (
	lockTries = 10
	lockPause = 50 * time.Millisecond
)

// lock keeps other exports out until the file is closed, also by the end of the
// process.
func lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	for n := 0; errors.Is(err, syscall.EWOULDBLOCK) && n < lockTries; n++ {
		time.Sleep(lockPause)
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errors.New("another export into it is running")
	}
	return err
}
