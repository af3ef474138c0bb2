package main

import (
	"fmt"
	"runtime/debug"
)

type versionCommand struct{}

// Run prints the module's version, the source revision it was built from, and
// the Go version.
func (versionCommand) Run(std streams) error {
	version, revision, goVersion := "unknown", "", "go"
	if info, ok := debug.ReadBuildInfo(); ok {
		version, goVersion = info.Main.Version, info.GoVersion
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value
			}
		}
	}
	_, err := fmt.Fprintf(std.stdout, "warg-personality %s%s %s\n", version, revision, goVersion)
	return err
}
