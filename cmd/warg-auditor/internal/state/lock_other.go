//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package state

import (
	"os"
	"path/filepath"
)

// lockFolder does not keep others out on this system: that is up to the user.
func lockFolder(dir string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
}
