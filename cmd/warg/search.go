package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/warg-trillian/warg-trillian/cmd/internal/plain"
	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/session"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

type searchCommand struct {
	Words      []string `arg:"" optional:"" help:"Words to look for in names, descriptions, authors and interfaces; without them, packages are listed."`
	Namespace  string   `placeholder:"NAME" help:"In a namespace."`
	Package    string   `placeholder:"NAME" help:"Of a package, such as example:hello."`
	Imports    []string `sep:"none" placeholder:"INTERFACE" help:"That import an interface, with a version or without: wasi:http/types@^0.2. Repeatable: all of them."`
	Exports    []string `sep:"none" placeholder:"INTERFACE" help:"That export an interface. Repeatable: all of them."`
	License    string   `placeholder:"ID" help:"With an SPDX identifier in the license."`
	Kind       string   `enum:",module,component,wit" default:"" help:"Of a kind: module, component or wit."`
	Digest     string   `placeholder:"DIGEST" help:"With a content, sha256:<hex>."`
	Signatures []string `name:"signature" sep:"none" placeholder:"KEYID" help:"Signed by a key. Repeatable: one of them."`
	Versions   string   `placeholder:"WHICH" help:"Releases to show: latest, all, or those that fit a requirement such as ^1.2 (default: latest)."`
	PreRelease bool     `help:"Pre-releases, too."`
	Yanked     bool     `help:"Yanked releases, too."`
	Withheld   bool     `help:"Releases whose content is withheld, too."`
	Sort       string   `enum:",rank,name,newest,version" default:"" help:"Order: rank, name, newest or version (default: rank with words, else name)."`
	Limit      int      `default:"20" placeholder:"N" help:"How many releases to show (default: ${default})."`
	Page       string   `placeholder:"PAGE" help:"Go on where an earlier answer ended: its next page, as it was shown."`
	session.Flags
}

// Run searches a registry.
func (c searchCommand) Run(env *environment, out *output) error {
	if c.Limit < 1 {
		return usage("--limit is %d; it is 1 or more", c.Limit)
	}
	return env.withRegistry(out, c.Flags, func(s *session.Session) error {
		found, err := c.search(env, s)
		if err != nil {
			return err
		}
		out.say("search", found, searchLines(found)...)
		return nil
	})
}

// search asks for pages until there are enough.
func (c searchCommand) search(env *environment, s *session.Session) (found discovery.Page, err error) {
	q := discovery.Query{
		Search: strings.Join(c.Words, " "), Namespace: c.Namespace, Package: c.Package, Imports: c.Imports, Exports: c.Exports, License: c.License,
		Kind: c.Kind, Digest: c.Digest, Signatures: c.Signatures, Versions: c.Versions, PreRelease: c.PreRelease, Yanked: c.Yanked, Withheld: c.Withheld,
		Sort: c.Sort, Page: c.Page,
	}
	items := []discovery.Summary{}
	for {
		q.Limit = min(c.Limit-len(items), discovery.MaxLimit)
		page, err := s.Client.Search(env.context, q)
		if err != nil {
			return found, explainSearch(err)
		}
		items = append(items, page.Items[:min(len(page.Items), q.Limit)]...)
		if found = page; page.Next == "" || page.Next == q.Page || len(items) >= c.Limit {
			found.Items = items
			return found, nil
		}
		q.Page = page.Next
	}
}

// explainSearch says what a registry answers that knows no search.
func explainSearch(err error) error {
	var refusal *client.APIError
	if errors.As(err, &refusal) && (refusal.Status == http.StatusNotFound || refusal.Status == http.StatusMethodNotAllowed) {
		return fmt.Errorf("the registry can not be searched: %w", err)
	}
	return err
}

// maxShown is how many characters of a description are shown.
const maxShown = 70

// searchLines are a table of what was found. Each cell is made plain before it is measured.
func searchLines(found discovery.Page) []string {
	if len(found.Items) == 0 && found.Next == "" {
		return []string{"nothing was found"}
	}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
	row := func(cells ...string) {
		for i, cell := range cells {
			if cells[i] = plain.Text(cell); cells[i] == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	row("PACKAGE", "VERSION", "KIND", "LICENSE", "DESCRIPTION")
	for _, r := range found.Items {
		row(r.Name, r.Version+standing(r), r.Kind, shorten(r.License, 30), shorten(r.Description, maxShown))
	}
	w.Flush()
	lines := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	of := fmt.Sprint(found.Total)
	if found.AtLeast {
		of += " or more"
	}
	lines = append(lines, fmt.Sprintf("%d of %s. Nothing of this is verified: `warg info PACKAGE` and `warg download PACKAGE` verify.", len(found.Items), of))
	if found.Next != "" {
		lines = append(lines, "Next page: --page "+found.Next)
	}
	return lines
}

// standing says what became of a release.
func standing(r discovery.Summary) (text string) {
	if r.Yanked != nil {
		text += " (yanked)"
	}
	if r.Withheld != nil {
		text += " (withheld)"
	}
	return text
}

func shorten(text string, size int) string {
	if utf8.RuneCountInString(text) <= size {
		return text
	}
	return string([]rune(text)[:size-1]) + "…"
}
