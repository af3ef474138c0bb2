package cmdline

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// bash writes completions for bash 3.2 and later, which need nothing of the
// bash-completion package but its loading of files by name.
func bash(app *kong.Application) string {
	function := "_" + strings.ReplaceAll(app.Name, "-", "_")
	var values, names, below strings.Builder
	for _, n := range nodes(app.Node) {
		for _, f := range flags(n) {
			if takesValue(f) {
				fmt.Fprintf(&values, "\t%s) %s; return ;;\n", either(path(n), spellings(f)), bashOffer(f.Value))
			}
		}
		var all []string
		for _, f := range flags(n) {
			all = append(all, spellings(f)...)
		}
		fmt.Fprintf(&names, "\t%s) offered=%s ;;\n", bashQuote(path(n)), bashQuote(strings.Join(all, "\n")))
		if offer := bashBelow(n); offer != "" {
			fmt.Fprintf(&below, "\t%s) %s ;;\n", bashQuote(path(n)), offer)
		}
	}
	return fmt.Sprintf(`# Completions of %[1]s for bash; made by "%[1]s completion bash".
%[2]s() {
	local IFS=$'\n' at=%[1]s current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} offered= i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case "$at ${COMP_WORDS[i]}" in
%[3]s		esac
	done
	# "=" is a word of its own.
	if [[ $current == = ]]; then
		current=
	elif [[ $before == = ]]; then
		before=${COMP_WORDS[COMP_CWORD-2]}
	fi
	COMPREPLY=()
	case "$at $before" in
%[4]s	esac
	if [[ $current == -* ]]; then
		case $at in
%[5]s		esac
		COMPREPLY=($(compgen -W "$offered" -- "$current"))
		return
	fi
	case $at in
%[6]s	esac
}
%[2]s_files() {
	compopt -o filenames 2>/dev/null
	COMPREPLY=($(compgen -f -- "$current"))
}
complete -F %[2]s %[1]s
`, app.Name, function, descents(app, "\t\t%s) at=%q ;;\n", bashQuote),
		strings.ReplaceAll(values.String(), "FILES", function+"_files"), names.String(), strings.ReplaceAll(below.String(), "FILES", function+"_files"))
}

// descents are the cases of a walk along the command line that go from a command to one below it.
func descents(app *kong.Application, format string, quote func(string) string) string {
	var cases strings.Builder
	for _, n := range nodes(app.Node)[1:] {
		var ways []string
		for _, name := range typed(n) {
			ways = append(ways, quote(path(n.Parent)+" "+name))
		}
		fmt.Fprintf(&cases, format, strings.Join(ways, "|"), path(n))
	}
	return cases.String()
}

// bashBelow completes what is no flag: a command, or an argument.
func bashBelow(n *kong.Node) string {
	var names []string
	for _, c := range children(n) {
		names = append(names, c.Name)
	}
	if len(names) > 0 {
		return bashWords(names)
	}
	for _, a := range n.Positional {
		if expects(a) != anything {
			return bashOffer(a)
		}
	}
	return ""
}

func bashOffer(v *kong.Value) string {
	switch expects(v) {
	case filePath:
		return "FILES"
	case oneOf:
		return bashWords(v.EnumSlice())
	}
	return ":"
}

func bashWords(words []string) string {
	return fmt.Sprintf(`COMPREPLY=($(compgen -W %s -- "$current"))`, bashQuote(strings.Join(words, "\n")))
}

// either is a pattern for a command followed by one of some words.
func either(command string, words []string) string {
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, bashQuote(command+" "+w))
	}
	return strings.Join(quoted, "|")
}

// bashQuote quotes for bash and zsh.
func bashQuote(text string) string {
	if strings.ContainsAny(text, "\n'") {
		return "$'" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`).Replace(text) + "'"
	}
	return "'" + text + "'"
}
