// Package cmdline makes shell completions and manual pages from the description of a
// command line that its program itself parses, [kong.Application]: they cannot differ
// from it. What it writes depends on that description alone, and on the version that the
// program was built from.
package cmdline

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"github.com/alecthomas/kong"
)

// Completion is a command that writes the completions of its program for a shell.
type Completion struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"Shell: bash, zsh or fish."`
}

// Help is shown by `completion --help`.
func (Completion) Help() string {
	return "Packages of this program bring the files. Without one, put what is written where the shell looks for it, under the " +
		"name that it expects:\n\n" +
		"    bash    ~/.local/share/bash-completion/completions/PROGRAM\n" +
		"    zsh     a folder of $fpath, as _PROGRAM\n" +
		"    fish    ~/.config/fish/completions/PROGRAM.fish"
}

// Run writes to the parser's standard output.
func (c Completion) Run(ctx *kong.Context) error {
	write := map[string]func(*kong.Application) string{"bash": bash, "zsh": zsh, "fish": fish}[c.Shell]
	_, err := fmt.Fprint(ctx.Stdout, write(ctx.Model))
	return err
}

// Manual is a command that writes the manual pages of its program, one for each command.
type Manual struct {
	Dir string `arg:"" help:"Folder to write them to; it is made if it is missing."`
}

// Run writes files such as warg-key-new.1, and replaces those that are there.
func (m Manual) Run(ctx *kong.Context) error {
	if err := os.MkdirAll(m.Dir, 0o777); err != nil {
		return err
	}
	version, date := built()
	for _, n := range nodes(ctx.Model.Node) {
		page := manualPage(n, version, date)
		if err := os.WriteFile(filepath.Join(m.Dir, pageName(n)+".1"), []byte(page), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// built says which version this program is, and the day of its commit (empty if it is
// not known), never the day of the build: pages of one commit are the same.
func built() (version, date string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", ""
	}
	i := slices.IndexFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "vcs.time" })
	if i >= 0 {
		if t, err := time.Parse(time.RFC3339, info.Settings[i].Value); err == nil {
			date = t.UTC().Format(time.DateOnly)
		}
	}
	return info.Main.Version, date
}
