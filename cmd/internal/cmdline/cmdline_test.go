package cmdline

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// tool has what is hard to quote.
type tool struct {
	Verbose bool `help:"Say more."`

	Key struct {
		New  newCommand `cmd:"" aliases:"make" help:"Make a key: it's [new], 50% \"quoted\", C:\\path and $HOME."`
		Show struct {
			File string `arg:"" type:"path" help:"File with a key."`
		} `cmd:"" help:"Show a key."`
	} `cmd:"" help:"Make and show keys."`
	Secret     struct{}   `cmd:"" hidden:"" help:"Not for you."`
	Completion Completion `cmd:"" help:"Write completions."`
	Manual     Manual     `cmd:"" hidden:"" help:"Write pages."`
}

type newCommand struct {
	Output string   `short:"o" placeholder:"FILE" help:"File, [a:b] 'c' \\d, to write. And more."`
	Kind   string   `enum:"plain,fancy" default:"plain" env:"TOOL_KIND" help:"Kind (default: ${default})."`
	Label  []string `placeholder:"TEXT" help:"Label (repeatable)."`
}

func (newCommand) Help() string {
	return "First paragraph, 'quoted'.\n\n.TH is no macro here, nor is\n'it. For example:\n\n    tool key new -o a\\b\n    .dots"
}

// run runs the command line, and returns what it wrote.
func run(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	parser, err := kong.New(new(tool), kong.Name("my-tool"), kong.Description("A tool. It has keys."), kong.Writers(&out, &out))
	if err != nil {
		t.Fatal(err)
	}
	command, err := parser.Parse(args)
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Run(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// program finds a program that make tools installs.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed; make tools does it", name)
	}
	return path
}

// completed lists what each command line is completed to, its last word being under way.
var completed = []struct{ line, want string }{
	{"my-tool k", "key"},
	{"my-tool key ", "new show"},
	{"my-tool key new --o", "--output"},
	{"my-tool key make --l", "--label"},
	{"my-tool key new --kind ", "fancy plain"},
	{"my-tool key new --kind f", "fancy"},
	{"my-tool key new --verb", "--verbose"},
	{"my-tool key new --label ", ""},
	{"my-tool key new --output on", "one.key"},
	{"my-tool key show on", "one.key"},
	{"my-tool --verbose completion z", "zsh"},
	{"my-tool sec", ""},
}

// folder is one with a single file, and with a script.
func folder(t *testing.T, name, script string) string {
	t.Helper()
	dir := t.TempDir()
	for file, text := range map[string]string{"one.key": "", name: script} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBash(t *testing.T) {
	dir := folder(t, "script", run(t, "completion", "bash"))
	for _, c := range append(completed[:len(completed):len(completed)],
		struct{ line, want string }{"my-tool key new --kind = ", "fancy plain"},
		struct{ line, want string }{"my-tool key new --kind = p", "plain"}) {
		words := strings.Split(strings.ReplaceAll(c.line, "= ", "="), " ")
		if before, after, ok := strings.Cut(c.line, " = "); ok { // as bash splits --kind=p
			words = append(strings.Split(before, " "), "=")
			if after != "" {
				words = append(words, after)
			}
		}
		command := exec.Command(program(t, "bash"), "--norc", "-c",
			`source ./script; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _my_tool; printf '%s\n' "${COMPREPLY[@]}" | sort`, "bash")
		command.Args = append(command.Args, words...)
		check(t, command, dir, c.line, c.want)
	}
}

func TestFish(t *testing.T) {
	dir := folder(t, "script", run(t, "completion", "fish"))
	for _, c := range completed {
		command := exec.Command(program(t, "fish"), "--no-config", "-c", "source ./script; complete -C $argv[1] | string split -f1 \\t | sort", c.line)
		check(t, command, dir, c.line, c.want)
	}
}

// Zsh completes only at a terminal: it is given one, and what it would add is written to a file.
func TestZsh(t *testing.T) {
	dir := folder(t, "_my-tool", run(t, "completion", "zsh"))
	for _, c := range completed {
		command := exec.Command(program(t, "zsh"), "-f", "-c", zshTerminal, "zsh", c.line)
		command.Env = append(os.Environ(), "TERM=dumb", "ZDOTDIR="+dir)
		check(t, command, dir, c.line, c.want)
	}
}

// zshTerminal starts a zsh in a terminal, where Tab completes the line and writes all that matches.
const zshTerminal = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1= ; fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D
compadd() {
	local -a __found; local -a __opts; zparseopts -E -D -a __opts O:=__skip A:=__skip D:=__skip
	if (( ${@[(I)-[OAD]*]} )); then builtin compadd "$@"; return; fi
	builtin compadd -O __found "$@"; print -l -- $__found >> matches; builtin compadd "$@"
}
finish() { print end > ended; zle kill-whole-line; }
zle -N finish; bindkey "^X" finish; print ready > ready'
repeat 100 { [[ -e ready ]] && break; sleep 0.1 }
zpty -w -n shell "$1"$'\t\x18'
repeat 100 { [[ -e ended ]] && break; sleep 0.1 }
zpty -d shell
[[ -e ended ]] || { print "zsh does not answer"; exit 1 }
[[ -e matches ]] && sort -u matches
rm -f matches ready ended
`

func check(t *testing.T, command *exec.Cmd, dir, line, want string) {
	t.Helper()
	command.Dir = dir
	out, err := command.CombinedOutput()
	if got := strings.Join(strings.Fields(string(out)), " "); err != nil && got != "" || got != want {
		t.Errorf("%q is completed to %q (%v), want %q", line, got, err, want)
	}
}

// A formatter of manual pages shows them without complaint, and shows what the help says.
func TestManual(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	run(t, "manual", dir)
	pages, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(len(pages)); got != "5" { // the tool, key, its two, completion
		t.Errorf("it wrote %s pages: %q", got, pages)
	}
	mandoc := program(t, "mandoc")
	for _, p := range pages {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		// A test's program has no date of a commit.
		dated := strings.Replace(string(text), ` "1" "" `, ` "1" "2026-01-02" `, 1)
		if err := os.WriteFile(p, []byte(dated), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(mandoc, "-Tlint", "-Wwarning", p).CombinedOutput(); err != nil {
			t.Errorf("mandoc of %s: %v\n%s", p, err, out)
		}
	}
	out, err := exec.Command(mandoc, "-Tutf8", "-Owidth=200", filepath.Join(dir, "my-tool-key-new.1")).Output()
	if err != nil {
		t.Fatal(err)
	}
	shown := string(out)
	for i := strings.IndexByte(shown, '\b'); i > 0; i = strings.IndexByte(shown, '\b') {
		shown = shown[:i-1] + shown[i+1:] // what was struck twice is bold
	}
	for _, want := range []string{
		`Make a key: it's [new], 50% "quoted", C:\path and $HOME`, ".TH is no macro here, nor is 'it.", `tool key new -o a\b`, "    .dots",
		"--output, -o=FILE", "Environment: TOOL_KIND", "my-tool-key(1)", `File, [a:b] 'c' \d, to write.`,
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("the page does not say %q:\n%s", want, shown)
		}
	}
}
