package cmdline

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// pageName is the name of a command's manual page, such as warg-key-new, as git names its own.
func pageName(n *kong.Node) string { return strings.ReplaceAll(path(n), " ", "-") }

// manualPage is the page of a command in section 1, in the macros of man(7).
func manualPage(n *kong.Node, version, date string) string {
	root := n
	for root.Parent != nil {
		root = root.Parent
	}
	p := new(page)
	p.macro("TH", strings.ToUpper(pageName(n)), "1", date, strings.TrimSpace(root.Name+" "+version), "User Commands")
	about, detail := n.Help, n.Detail
	if n.Parent == nil { // the help of the program is its description: sentences
		about, detail = firstSentence(n.Help), strings.TrimSpace(n.Help+"\n\n"+n.Detail)
	}
	p.macro("SH", "NAME")
	p.text(pageName(n) + " - " + strings.TrimSuffix(oneLine(about), "."))
	p.macro("SH", "SYNOPSIS")
	p.synopsis(n)
	p.macro("SH", "DESCRIPTION")
	if detail == "" {
		detail = n.Help
	}
	p.prose(detail)
	p.commands(n)
	p.arguments(n)
	p.options(n)
	p.seeAlso(n)
	return p.String()
}

func (p *page) synopsis(n *kong.Node) {
	rest := ""
	for _, f := range flags(n) {
		if f.Required {
			rest += " " + f.Summary()
		}
	}
	if len(flags(n)) > 0 {
		rest += " [flags]"
	}
	for _, a := range n.Positional {
		rest += " " + a.Summary()
	}
	if len(children(n)) > 0 {
		rest += " <command>"
	}
	p.raw(`\fB` + escape(path(n)) + `\fR` + escape(rest))
}

func (p *page) commands(n *kong.Node) {
	below := children(n)
	if len(below) == 0 {
		return
	}
	p.macro("SH", "COMMANDS")
	for _, c := range below {
		p.item(`\fB` + escape(strings.Join(typed(c), ", ")) + `\fR`)
		p.text(c.Help)
	}
}

func (p *page) arguments(n *kong.Node) {
	if len(n.Positional) == 0 {
		return
	}
	p.macro("SH", "ARGUMENTS")
	for _, a := range n.Positional {
		p.item(`\fI` + escape(strings.Trim(a.Summary(), "[]<>")) + `\fR`)
		p.text(a.Help)
	}
}

// options lists the flags under the headings of their groups, in the order in which these come up.
func (p *page) options(n *kong.Node) {
	var titles []string
	grouped := map[string][]*kong.Flag{}
	for _, f := range flags(n) {
		title := ""
		if f.Group != nil {
			title = strings.TrimSuffix(f.Group.Title, ":")
		}
		if grouped[title] == nil {
			titles = append(titles, title)
		}
		grouped[title] = append(grouped[title], f)
	}
	if len(titles) > 0 {
		p.macro("SH", "OPTIONS")
	}
	for _, title := range titles {
		if title != "" {
			p.macro("SS", title)
		}
		for _, f := range grouped[title] {
			p.option(f)
		}
	}
}

func (p *page) option(f *kong.Flag) {
	var bold []string
	for _, name := range spellings(f) {
		bold = append(bold, `\fB`+escape(name)+`\fR`)
	}
	label := strings.Join(bold, ", ")
	if takesValue(f) {
		label += `=\fI` + escape(f.FormatPlaceHolder()) + `\fR`
	}
	p.item(label)
	p.text(f.Help)
	if len(f.Envs) > 0 {
		p.raw(".br")
		p.text(fmt.Sprintf("Environment: %s", strings.Join(f.Envs, ", ")))
	}
}

// seeAlso names the pages above and below.
func (p *page) seeAlso(n *kong.Node) {
	var pages []string
	if n.Parent != nil {
		pages = append(pages, pageName(n.Parent))
	}
	for _, c := range children(n) {
		pages = append(pages, pageName(c))
	}
	if len(pages) == 0 {
		return
	}
	p.macro("SH", "SEE ALSO")
	for i, name := range pages {
		comma := ","
		if i == len(pages)-1 {
			comma = ""
		}
		p.raw(`.BR ` + escape(name) + ` (1)` + comma)
	}
}
