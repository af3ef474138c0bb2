package cmdline

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// zsh writes completions for zsh 5, to be loaded from $fpath or sourced.
func zsh(app *kong.Application) string {
	function := "_" + app.Name
	var cases strings.Builder
	for _, n := range nodes(app.Node) {
		fmt.Fprintf(&cases, "\t(%s)\n", bashQuote(path(n)))
		if below := children(n); len(below) > 0 {
			cases.WriteString("\t\tcommands=(\n")
			for _, c := range below {
				fmt.Fprintf(&cases, "\t\t\t%s\n", bashQuote(c.Name+":"+firstSentence(c.Help)))
			}
			cases.WriteString("\t\t)\n")
		}
		cases.WriteString("\t\t_arguments -S -s :")
		for _, spec := range zshSpecs(n) {
			cases.WriteString(" \\\n\t\t\t" + bashQuote(spec))
		}
		cases.WriteString("\n\t\t;;\n")
	}
	return fmt.Sprintf(`#compdef %[1]s
# Completions of %[1]s for zsh; made by "%[1]s completion zsh".
%[2]s() {
	local at=%[1]s
	local -a commands
	local -i i begin=1
	for ((i = 2; i < CURRENT; i++)); do
		case "$at ${words[i]}" in
%[3]s		esac
	done
	words=("${(@)words[begin,-1]}")
	((CURRENT -= begin - 1))
	case $at in
%[4]s	esac
}
if [[ $funcstack[1] == %[2]s ]]; then
	%[2]s "$@"
else
	compdef %[2]s %[1]s
fi
`, app.Name, function, descents(app, "\t\t(%s) at=%q; begin=i ;;\n", bashQuote), cases.String())
}

// zshSpecs are the arguments of zsh's _arguments for the flags and arguments of a command.
func zshSpecs(n *kong.Node) []string {
	var specs []string
	for _, f := range flags(n) {
		names := spellings(f)
		prefix := ""
		if f.IsCumulative() {
			prefix = "*"
		} else if len(names) > 1 {
			prefix = "(" + strings.Join(names, " ") + ")"
		}
		for _, name := range names {
			spec := prefix + name
			if takesValue(f) {
				spec += map[bool]string{true: "=", false: "+"}[strings.HasPrefix(name, "--")]
			}
			spec += "[" + strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`).Replace(firstSentence(f.Help)) + "]"
			if takesValue(f) {
				spec += ":" + zshMessage(f.FormatPlaceHolder()) + ":" + zshAction(f.Value)
			}
			specs = append(specs, spec)
		}
	}
	if len(children(n)) > 0 {
		return append(specs, "1:command:{_describe command commands}")
	}
	for i, a := range n.Positional {
		place := fmt.Sprint(i + 1)
		if a.IsCumulative() {
			place = "*"
		}
		specs = append(specs, place+":"+zshMessage(a.Name)+":"+zshAction(a))
	}
	return specs
}

func zshMessage(text string) string { return strings.ReplaceAll(text, ":", `\:`) }

func zshAction(v *kong.Value) string {
	switch expects(v) {
	case filePath:
		return "_files"
	case oneOf:
		return "(" + strings.Join(v.EnumSlice(), " ") + ")"
	}
	return " " // shows the message, and offers nothing
}
