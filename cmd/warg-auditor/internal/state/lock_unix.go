//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package state

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// A lock that is taken is tried again for half a second: the process before may be
// ending, or a command that it has just started may not have let go of its files yet.
const (
	lockTries = 10
	lockPause = 50 * time.Millisecond
)

// lockFolder keeps other processes out until the file is closed, or the process ends.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	for n := 0; errors.Is(err, syscall.EWOULDBLOCK) && n < lockTries; n++ {
		time.Sleep(lockPause)
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.New("another process uses it; end that one, or give each registry a folder of its own")
		}
		return nil, err
	}
	return f, nil
}
