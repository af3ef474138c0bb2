package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// The pages have an example of each command, and every example is a command line that
// this program reads.
func TestExamplesOfDocs(t *testing.T) {
	t.Parallel()
	var lines string
	for _, page := range []string{"client.md", "agent.md"} {
		text, err := os.ReadFile(filepath.Join("../../docs", page))
		if page != "client.md" && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		must(t, err)
		lines += strings.ReplaceAll(string(text), " \\\n ", "")
	}
	shown := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^(?:warg|go run \./cmd/warg) (.*)$`).FindAllStringSubmatch(lines, -1) {
		line, _, _ := strings.Cut(match[1], " | ")
		parser, err := kong.New(new(commands), kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}))
		must(t, err)
		command, err := parser.Parse(split(line))
		if err != nil {
			t.Errorf("warg %s: %v", line, err)
			continue
		}
		words, _, _ := strings.Cut(command.Command(), " <")
		shown[words] = true
	}
	parser, err := kong.New(new(commands))
	must(t, err)
	for _, leaf := range parser.Model.Leaves(true) {
		path, _, _ := strings.Cut(leaf.FullPath(), " (") // other names
		if name := strings.TrimPrefix(path, parser.Model.Name+" "); !shown[name] && name != "version" {
			t.Errorf("docs/client.md has no example of warg %s", name)
		}
	}
}

// split splits a command line of the page as a shell does: quotes and all.
func split(line string) []string {
	var words []string
	for _, word := range regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`).FindAllString(line, -1) {
		words = append(words, strings.Trim(word, `'"`))
	}
	return words
}
