package discovery

import (
	"slices"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// capability is what some interfaces mean, in plain words.
type capability struct{ name, text string }

var (
	needsFiles    = capability{"filesystem", "reads and writes files in folders that it is given"}
	needsNetwork  = capability{"network", "opens network connections"}
	needsHTTP     = capability{"http-client", "makes HTTP requests to other machines"}
	needsClock    = capability{"clock", "asks for the time"}
	needsRandom   = capability{"randomness", "asks for random numbers"}
	needsEnv      = capability{"environment", "reads environment variables and arguments of the command line"}
	needsStdio    = capability{"stdio", "reads standard input, writes standard output and standard error"}
	needsExit     = capability{"exit", "ends the program"}
	needsNN       = capability{"machine-learning", "has machine-learning models run"}
	needsKeys     = capability{"key-value-store", "reads and writes a key-value store"}
	needsBlobs    = capability{"blob-store", "reads and writes a store of files"}
	needsConfig   = capability{"configuration", "reads configuration of the host"}
	needsLogging  = capability{"logging", "writes to the host's log"}
	needsMessages = capability{"messaging", "sends and receives messages"}
	needsDatabase = capability{"database", "queries a database"}
	needsOther    = capability{"host", "calls functions that its host has to provide"}
	needsNothing  = capability{}
)

// wasiPackages are the packages of WASI 0.2 and 0.3, and proposals. Source:
// https://github.com/WebAssembly/WASI/blob/main/docs/Proposals.md
var wasiPackages = map[string]capability{
	"wasi:filesystem": needsFiles, "wasi:sockets": needsNetwork, "wasi:tls": needsNetwork, "wasi:clocks": needsClock, "wasi:random": needsRandom,
	"wasi:nn": needsNN, "wasi:keyvalue": needsKeys, "wasi:blobstore": needsBlobs, "wasi:config": needsConfig, "wasi:logging": needsLogging,
	"wasi:messaging": needsMessages, "wasi:sql": needsDatabase, "wasi:io": needsNothing,
}

// wasiInterfaces are those of which the package says too little.
var wasiInterfaces = map[string]capability{
	"wasi:http/outgoing-handler": needsHTTP, "wasi:http/client": needsHTTP, "wasi:http/handler": needsHTTP, "wasi:http/types": needsNothing,
	"wasi:cli/environment": needsEnv, "wasi:cli/exit": needsExit,
	"wasi:cli/stdin": needsStdio, "wasi:cli/stdout": needsStdio, "wasi:cli/stderr": needsStdio, "wasi:cli/types": needsNothing,
	"wasi:cli/terminal-input": needsStdio, "wasi:cli/terminal-output": needsStdio,
	"wasi:cli/terminal-stdin": needsStdio, "wasi:cli/terminal-stdout": needsStdio, "wasi:cli/terminal-stderr": needsStdio,
}

// preview1 are the functions of wasi_snapshot_preview1 (and wasi_unstable) by how they begin.
// Source: https://github.com/WebAssembly/WASI/blob/wasi-0.1/preview1/docs.md
var preview1 = []struct {
	begins string
	capability
}{
	{"args_", needsEnv}, {"environ_", needsEnv}, {"clock_", needsClock}, {"poll_oneoff", needsClock}, {"random_get", needsRandom},
	{"fd_write", needsStdio}, {"fd_read", needsStdio}, {"fd_close", needsNothing}, {"fd_fdstat_get", needsNothing}, {"fd_seek", needsNothing}, {"fd_prestat", needsFiles},
	{"path_", needsFiles}, {"fd_", needsFiles}, {"sock_", needsNetwork}, {"proc_exit", needsExit}, {"proc_raise", needsExit}, {"sched_yield", needsNothing},
}

// maxNeeded bounds the interfaces that are named for a capability.
const maxNeeded = 50

// needs says what a content asks of its host, as its imports say.
func needs(d discovery.Description) []discovery.Capability {
	if d.Kind == discovery.KindWIT {
		return nil // it does nothing
	}
	var all []discovery.Capability
	for _, e := range d.Imports.Items {
		c, by := needed(e)
		if c == needsNothing {
			continue
		}
		i := slices.IndexFunc(all, func(have discovery.Capability) bool { return have.Name == c.name })
		if i < 0 {
			i = len(all)
			all = append(all, discovery.Capability{Name: c.name, Text: c.text})
		}
		if len(all[i].Interfaces) < maxNeeded && !slices.Contains(all[i].Interfaces, by) {
			all[i].Interfaces = append(all[i].Interfaces, by)
		}
	}
	slices.SortStableFunc(all, func(a, b discovery.Capability) int {
		switch { // what nobody knows comes last
		case a.Name == needsOther.name:
			return 1
		case b.Name == needsOther.name:
			return -1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all
}

// needed is what an import asks for, and its name.
func needed(e discovery.Extern) (capability, string) {
	if e.Module == "wasi_snapshot_preview1" || e.Module == "wasi_unstable" {
		for _, f := range preview1 {
			if strings.HasPrefix(e.Name, f.begins) {
				return f.capability, e.Module + "." + e.Name
			}
		}
		return needsOther, e.Module + "." + e.Name
	}
	if e.Module != "" {
		return needsOther, e.Module
	}
	if e.Package == "" {
		return needsOther, e.Name
	}
	name := e.Package + "/" + e.Interface
	if c, ok := wasiInterfaces[name]; ok {
		return c, name
	}
	if c, ok := wasiPackages[e.Package]; ok {
		return c, name
	}
	return needsOther, name
}
