package config

import (
	"os"

	"github.com/alecthomas/kong"
)

// Options set up a parser for a command line that has [Serve] as (part of) a
// command: help, groups, and the rule for empty environment variables.
func Options() []kong.Option {
	return []kong.Option{
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}),
		kong.ExplicitGroups([]kong.Group{
			{Key: "file", Title: "Configuration file:"},
			{Key: "net", Title: "Addresses:"},
			{Key: "data", Title: "Data:"},
			{Key: "who", Title: "Namespaces and keys:"},
			{Key: "content", Title: "Content:"},
			{Key: "log", Title: "Log:"},
			{Key: "limits", Title: "Limits (of counts, and of requests or records a second, 0 is none):"},
			{Key: "diag", Title: "Messages:"},
		}),
		kong.Resolvers(kong.ResolverFunc(emptyIsUnset)),
	}
}

type envState int

const (
	envAbsent envState = iota
	envEmpty           // set to the empty text
	envSet
)

// environment says what the environment holds for the flag.
func environment(flag *kong.Flag) envState {
	for _, name := range flag.Envs {
		if value, ok := os.LookupEnv(name); ok && value != "" {
			return envSet
		} else if ok {
			return envEmpty
		}
	}
	return envAbsent
}

// emptyIsUnset gives flags their default back whose environment variable is
// set to the empty text, which the parser would take for their value. Being
// the first source, it yields to the file.
func emptyIsUnset(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if environment(flag) == envEmpty && flag.HasDefault {
		return flag.Default, nil
	}
	return nil, nil
}
