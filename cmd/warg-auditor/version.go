package main

import (
	"fmt"
	"runtime/debug"
)

type versionCommand struct{}

// Run prints the module's version, the source revision it was built from, and the Go
// version.
func (versionCommand) Run(env *environment) error {
	version, revision, goVersion := programVersion()
	if revision != "" {
		revision = " " + revision
	}
	_, err := fmt.Fprintf(env.stdout, "warg-auditor %s%s %s\n", version, revision, goVersion)
	return err
}

func programVersion() (version, revision, goVersion string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown", "", "go"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	return info.Main.Version, revision, info.GoVersion
}
