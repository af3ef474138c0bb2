package cmdline

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// fish writes completions for fish 3.
func fish(app *kong.Application) string {
	at := "__" + strings.ReplaceAll(app.Name, "-", "_") + "_at"
	var b strings.Builder
	fmt.Fprintf(&b, `# Completions of %[1]s for fish; made by "%[1]s completion fish".
function %[2]s
    set -l at %[1]s
    set -l words (commandline -opc)
    set -e words[1]
    for word in $words
        switch "$at $word"
%[3]s        end
    end
    test "$at" = "$argv"
end
complete -c %[1]s -f
`, app.Name, at, strings.ReplaceAll(descents(app, "            case %s\n                set at %q\n", fishQuote), "'|'", "' '"))
	for _, n := range nodes(app.Node) {
		line := fmt.Sprintf("complete -c %s -n %s", app.Name, fishQuote(at+" "+path(n)))
		for _, c := range children(n) {
			fmt.Fprintf(&b, "%s -a %s -d %s\n", line, c.Name, fishQuote(firstSentence(c.Help)))
		}
		for _, f := range flags(n) {
			fmt.Fprintf(&b, "%s -l %s", line, f.Name)
			if f.Short != 0 {
				fmt.Fprintf(&b, " -s %c", f.Short)
			}
			if takesValue(f) {
				b.WriteString(cmp.Or(fishOffer(f.Value), " -x"))
			}
			fmt.Fprintf(&b, " -d %s\n", fishQuote(firstSentence(f.Help)))
		}
		for _, a := range n.Positional {
			if offer := fishOffer(a); offer != "" {
				b.WriteString(line + strings.NewReplacer(" -r", "", " -x", "").Replace(offer) + "\n")
				break // which argument is completed, fish does not say
			}
		}
	}
	return b.String()
}

// fishOffer is what may follow a flag, which requires a value (-r), and nothing but what is offered (-x).
func fishOffer(v *kong.Value) string {
	switch expects(v) {
	case filePath:
		return " -r -F"
	case oneOf:
		return " -x -a " + fishQuote(strings.Join(v.EnumSlice(), " "))
	}
	return ""
}

func fishQuote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}
