package main

import (
	"fmt"
	"runtime/debug"
)

type versionCommand struct{}

type programVersion struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
}

// Run prints the module's version, the source revision it was built from, and the Go
// version.
func (versionCommand) Run(_ *environment, out *output) error {
	v := programVersion{Version: "unknown", Go: "go"}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Version, v.Go = info.Main.Version, info.GoVersion
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Revision = s.Value
			}
		}
	}
	line := "warg " + v.Version
	if v.Revision != "" {
		line += " " + v.Revision
	}
	out.say("version", v, fmt.Sprintf("%s %s", line, v.Go))
	return nil
}
