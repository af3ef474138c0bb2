package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// source is the commit that is built.
type source struct {
	root string    // of the working tree
	time time.Time // of the commit, UTC
}

// readSource refuses a working tree that is not as its commit: nobody could build the same again.
func readSource() (source, error) {
	root, err := output("", nil, "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return source{}, err
	}
	changed, err := output(root, nil, "git", "status", "--porcelain")
	if err != nil {
		return source{}, err
	}
	if changed != "" {
		return source{}, fmt.Errorf("the working tree differs from its commit; commit these, or remove them:\n%s", changed)
	}
	seconds, err := output(root, nil, "git", "log", "-1", "--format=%ct")
	if err != nil {
		return source{}, err
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return source{}, fmt.Errorf("git's time of the commit: %w", err)
	}
	return source{root: root, time: time.Unix(unix, 0).UTC()}, nil
}

// output runs a command in a folder, with more environment, and returns what it printed.
func output(dir string, env []string, name string, args ...string) (string, error) {
	command := exec.Command(name, args...)
	command.Dir, command.Env, command.Stderr = dir, append(os.Environ(), env...), os.Stderr
	out, err := command.Output()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) || err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return string(bytes.TrimSpace(out)), nil
}

// debianVersion is a version of Go's as Debian writes it: without v, and what comes before a
// release, such as every commit between two, sorts before it. Of v0.0.0-20260102030405-0123456789ab
// it makes 0.0.0~20260102030405.0123456789ab.
func debianVersion(version string) string {
	version, pre, isPre := strings.Cut(strings.TrimPrefix(version, "v"), "-")
	if isPre {
		version += "~" + strings.ReplaceAll(pre, "-", ".")
	}
	return version
}
