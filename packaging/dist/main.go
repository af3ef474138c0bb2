// Command dist builds what is given to people: archives and Debian packages of the three
// commands, an SBOM of each command, and checksums. It needs Go and git, and nothing else.
//
// What it writes depends on the commit alone (and on the version of Go, which it pins):
// times are the commit's, owners, modes and orders are fixed, and nothing of the machine,
// the folder or the environment gets in.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// commands are what is built, below cmd/.
var commands = []string{"warg", "warg-auditor", "warg-personality"}

// target is a platform that is built for.
type target struct{ os, arch string }

func (t target) String() string { return t.os + "/" + t.arch }

func main() {
	out := flag.String("o", "dist", "folder to write; it is replaced")
	list := flag.String("targets", "linux/amd64,linux/arm64,darwin/arm64", "what to build for")
	flag.Parse()
	targets, err := parseTargets(*list)
	if err == nil && flag.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(2)
	}
	if err := dist(*out, targets); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

func parseTargets(list string) ([]target, error) {
	var targets []target
	for name := range strings.SplitSeq(list, ",") {
		goos, arch, ok := strings.Cut(name, "/")
		if !ok || goos == "" || arch == "" {
			return nil, fmt.Errorf("-targets: %q is not as linux/amd64 is", name)
		}
		targets = append(targets, target{goos, arch})
	}
	return targets, nil
}

// dist makes everything beside the folder, which it then replaces: nobody finds half of it.
func dist(out string, targets []target) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	if err := replaceable(out); err != nil {
		return err
	}
	from, err := readSource()
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(out), ".dist-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	b := &build{source: from, work: work, out: filepath.Join(work, "out")}
	if err := os.Mkdir(b.out, 0o755); err != nil {
		return err
	}
	if err := b.all(targets); err != nil {
		return err
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	return os.Rename(b.out, out)
}

// replaceable refuses a folder that is not one of an earlier run.
func replaceable(out string) error {
	entries, err := os.ReadDir(out)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(out, sumsName)); err != nil {
		return fmt.Errorf("%s holds other things than what this makes: name another folder with -o", out)
	}
	return nil
}
