package cmdline

import (
	"strings"

	"github.com/alecthomas/kong"
)

// nodes are a command and all that are below it, in the order of their description,
// without hidden ones.
func nodes(n *kong.Node) []*kong.Node {
	all := []*kong.Node{n}
	for _, child := range children(n) {
		all = append(all, nodes(child)...)
	}
	return all
}

func children(n *kong.Node) []*kong.Node {
	var shown []*kong.Node
	for _, child := range n.Children {
		if child.Type == kong.CommandNode && !child.Hidden {
			shown = append(shown, child)
		}
	}
	return shown
}

// path is a command as it is typed, such as "warg key new". Other names of a command
// are left out.
func path(n *kong.Node) string {
	if n.Parent == nil {
		return n.Name
	}
	return path(n.Parent) + " " + n.Name
}

// typed are the ways to type a command: by its name, and by its other names.
func typed(n *kong.Node) []string {
	return append([]string{n.Name}, n.Aliases...)
}

// flags are those that a command takes: its own first, then those of the commands above.
func flags(n *kong.Node) []*kong.Flag {
	var all []*kong.Flag
	for ; n != nil; n = n.Parent {
		for _, f := range n.Flags {
			if !f.Hidden {
				all = append(all, f)
			}
		}
	}
	return all
}

// spellings are a flag with the dashes: the long one first.
func spellings(f *kong.Flag) []string {
	names := []string{"--" + f.Name}
	if f.Short != 0 {
		names = append(names, "-"+string(f.Short))
	}
	return names
}

func takesValue(f *kong.Flag) bool { return !f.IsBool() && !f.IsCounter() }

// kind is what may stand for a value.
type kind int

const (
	anything kind = iota
	filePath
	oneOf // of a list
)

// expects says what a flag's value or an argument is. That it is a path shows in its type, or
// in what stands for it in the help: FILE, DIR or FOLDER.
func expects(v *kong.Value) kind {
	if v.Enum != "" {
		return oneOf
	}
	shown := strings.ToUpper(v.Name)
	if v.Flag != nil {
		shown = v.Flag.PlaceHolder
	} else if v.Tag.PlaceHolder != "" {
		shown = v.Tag.PlaceHolder
	}
	switch shown {
	case "FILE", "DIR", "FOLDER", "PATH", "URL|DIR":
		return filePath
	}
	if v.Tag.Type == "path" || v.Tag.Type == "existingfile" || v.Tag.Type == "existingdir" {
		return filePath
	}
	return anything
}

// firstSentence is what fits beside a name in a list.
func firstSentence(help string) string {
	help = oneLine(help)
	if i := strings.Index(help, ". "); i >= 0 {
		help = help[:i]
	}
	return strings.TrimSuffix(help, ".")
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
