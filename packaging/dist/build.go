package main

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// goVersion builds what is given to people, whichever Go starts this: programs of different
// versions differ. The go command fetches it, and checks it against the checksum database.
const goVersion = "go1.26.8"

// fixed takes out of the environment what changes what is built.
var fixed = []string{
	"GOTOOLCHAIN=" + goVersion, "CGO_ENABLED=0", "GOFLAGS=", "GOEXPERIMENT=", "GOWORK=off", "GOFIPS140=off",
	"GOAMD64=v1", "GOARM64=v8.0", "GO111MODULE=on",
}

// build is what one run makes, and where.
type build struct {
	source
	work, out string // folders for what is on the way, and for what is done

	version string // of the module, as Go names it
	docs    string // folder with manual pages and completions
}

func (b *build) all(targets []target) error {
	if err := b.describe(); err != nil {
		return err
	}
	for _, t := range targets {
		fmt.Fprintln(os.Stderr, "dist:", t, b.version)
		if err := b.target(t); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
	}
	return b.sums()
}

func (b *build) target(t target) error {
	bin := filepath.Join(b.work, "bin-"+t.os+"-"+t.arch)
	if err := b.compile(t, bin); err != nil {
		return err
	}
	if version, err := stamped(bin); err != nil || version != b.version {
		return errors.Join(err, fmt.Errorf("it was built as %q, not as %q: the working tree has changed", version, b.version))
	}
	if err := b.boms(t, bin); err != nil {
		return err
	}
	notices, err := b.notices(t)
	if err != nil {
		return err
	}
	if err := b.archive(t, bin, notices); err != nil {
		return err
	}
	if t.os == "linux" {
		return b.deb(t, bin, notices)
	}
	return nil
}

// compile builds the commands. Paths of this machine stay out, and so does the table of
// symbols, which only debuggers read.
func (b *build) compile(t target, into string) error {
	args := []string{"build", "-trimpath", "-buildvcs=true", "-ldflags=-s -w", "-o", into + string(filepath.Separator)}
	for _, c := range commands {
		args = append(args, "./cmd/"+c)
	}
	_, err := output(b.root, append(fixed, "GOOS="+t.os, "GOARCH="+t.arch), "go", args...)
	return err
}

// describe has the commands themselves, built for this machine, write their manual pages and
// completions, and say their version.
func (b *build) describe() error {
	bin := filepath.Join(b.work, "bin-here")
	if err := b.compile(target{runtime.GOOS, runtime.GOARCH}, bin); err != nil {
		return err
	}
	b.docs = filepath.Join(b.work, "docs")
	for _, c := range commands {
		program := filepath.Join(bin, c)
		if _, err := output(b.work, nil, program, "manual", filepath.Join(b.docs, "man")); err != nil {
			return err
		}
		for _, shell := range []string{"bash", "zsh", "fish"} {
			script, err := output(b.work, nil, program, "completion", shell)
			if err != nil {
				return err
			}
			name := map[string]string{"bash": c, "zsh": "_" + c, "fish": c + ".fish"}[shell]
			if err := write(filepath.Join(b.docs, shell, name), script+"\n"); err != nil {
				return err
			}
		}
	}
	var err error
	b.version, err = stamped(bin)
	if err == nil && (b.version == "" || b.version == "(devel)") {
		return fmt.Errorf("no version was stamped on what was built of %s: it has to be a clone, with its history", b.root)
	}
	return err
}

// stamped is the version that Go has put into the commands in a folder.
func stamped(bin string) (string, error) {
	info, err := buildinfo.ReadFile(filepath.Join(bin, commands[0]))
	if err != nil {
		return "", err
	}
	return info.Main.Version, nil
}

// write makes a file, and the folders that it is in.
func write(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}
