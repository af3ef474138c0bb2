package cmdline

import (
	"strings"
)

// page is text in the macros of man(7).
type page struct{ strings.Builder }

var escapes = strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`, "`", "\\(ga", `^`, `\(ha`, `~`, `\(ti`)

// escape makes roff show text as it is, wherever in a line it stands.
func escape(text string) string {
	text = escapes.Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text // else a macro
	}
	return text
}

// raw writes a line of roff.
func (p *page) raw(line string) { p.WriteString(line + "\n") }

// macro writes a macro with its arguments, in quotes.
func (p *page) macro(name string, args ...string) {
	line := "." + name
	for _, arg := range args {
		line += ` "` + strings.ReplaceAll(escape(arg), `"`, `\(dq`) + `"`
	}
	p.raw(line)
}

// item begins an item of a list with a label in roff.
func (p *page) item(label string) {
	p.raw(".TP")
	p.raw(label)
}

// text writes a paragraph.
func (p *page) text(text string) { p.raw(escape(oneLine(text))) }

// prose writes paragraphs, as they stand in the help of a command: empty lines are between them, and
// lines that begin with spaces stay lines, such as examples.
func (p *page) prose(text string) {
	for i, paragraph := range strings.Split(strings.Trim(text, "\n"), "\n\n") {
		if i > 0 {
			p.raw(".PP")
		}
		if !strings.HasPrefix(paragraph, " ") {
			p.text(paragraph)
			continue
		}
		p.raw(".nf")
		for line := range strings.Lines(paragraph) {
			p.raw(escape(strings.TrimRight(line, "\n")))
		}
		p.raw(".fi")
	}
}
