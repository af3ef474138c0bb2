//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package wholefile

// syncFolder does nothing: folders can not be synced here.
func syncFolder(string) error { return nil }
