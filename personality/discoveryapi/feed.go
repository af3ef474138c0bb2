package discoveryapi

import (
	"cmp"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// feedItems is how many releases a feed has, the newest.
const feedItems = 50

// newest is what a feed has.
type newest struct {
	title string
	items []discovery.Summary
	page  string // URL of a page that has the same; "" without pages
}

// feedOf reads what a feed has: new releases of all, of a namespace, of a package, or those
// that export an interface.
func (a *API) feedOf(r *http.Request, base string) (feed newest, err error) {
	v, err := only(r, "namespace", "package", "interface")
	if err != nil {
		return feed, err
	}
	if len(v) > 1 {
		return feed, badRequest(errors.New("a feed is of a namespace, of a package or of an interface: give one of them"))
	}
	namespace, pkg, iface := v.Get("namespace"), v.Get("package"), v.Get("interface")
	q := discovery.Query{Versions: "all", PreRelease: true, Sort: discovery.SortNewest, Limit: feedItems, Namespace: namespace, Package: pkg}
	title := "New releases"
	if of := namespace + pkg; of != "" {
		title += " of " + of
	}
	if v.Has("interface") {
		q.Exports = []string{iface}
		title += " that export " + iface
	}
	found, err := a.index.Search(r.Context(), q)
	feed = newest{title: clean(title), items: found.Items}
	if a.pages != nil {
		feed.page = base + a.pages.ListPage(namespace, pkg, iface)
	}
	return feed, err
}

// aboutRelease are the URLs of what there is about a release: the page for people, "" if
// there is none, and the answer of the API.
func (a *API) aboutRelease(base string, s discovery.Summary) (page, api string) {
	if a.pages != nil {
		page = base + a.pages.ReleasePage(s.Name, s.Version)
	}
	return page, base + "/" + discovery.ReleasePath(s.Name, s.Version)
}

// idOf names a release for ever, wherever the registry is.
func idOf(s discovery.Summary) string {
	return "urn:warg:" + s.LogID.String() + ":" + s.Record.String() + ":" + url.PathEscape(s.Version)
}

// self is the URL of the request.
func self(r *http.Request, base string) string {
	u := base + r.URL.Path
	if r.URL.RawQuery != "" {
		u += "?" + r.URL.Query().Encode()
	}
	return u
}

// clean puts a blank in place of control characters, which neither XML nor people want, and
// of those that change the direction of the text around them.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, text)
}

func itemTitle(s discovery.Summary) string { return clean(s.Name + " " + s.Version) }

// updated is when the newest of a feed was released, in its author's words.
func updated(items []discovery.Summary) time.Time {
	latest := time.Unix(0, 0).UTC()
	for _, s := range items {
		if s.Released.After(latest) {
			latest = s.Released
		}
	}
	return latest
}

// Atom: RFC 4287.

type atomFeed struct {
	XMLName   xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	ID        string      `xml:"id"`
	Title     string      `xml:"title"`
	Updated   string      `xml:"updated"`
	Generator string      `xml:"generator"`
	Links     []atomLink  `xml:"link"`
	Author    atomAuthor  `xml:"author"`
	Entries   []atomEntry `xml:"entry"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr,omitempty"`
	Href string `xml:"href,attr"`
}

// alternates are links to a page and to an answer of the API; to none where the URL is "".
// Readers open the first one.
func alternates(page, api string) (links []atomLink) {
	if page != "" {
		links = append(links, atomLink{Rel: "alternate", Type: "text/html", Href: page})
	}
	if api != "" {
		links = append(links, atomLink{Rel: "alternate", Type: jsonType, Href: api})
	}
	return links
}

type atomAuthor struct {
	Name string `xml:"name"`
}

type atomEntry struct {
	ID      string     `xml:"id"`
	Title   string     `xml:"title"`
	Updated string     `xml:"updated"`
	Links   []atomLink `xml:"link"`
	Author  atomAuthor `xml:"author"`
	Summary atomText   `xml:"summary"`
}

type atomText struct {
	Type string `xml:"type,attr"`
	Text string `xml:",chardata"`
}

func (a *API) atom(r *http.Request, base string) (Answer, error) {
	found, err := a.feedOf(r, base)
	if err != nil {
		return Answer{}, err
	}
	feed := atomFeed{
		ID: self(r, base), Title: found.title, Updated: updated(found.items).Format(time.RFC3339), Generator: "warg-trillian",
		Author: atomAuthor{base}, Links: append([]atomLink{{Rel: "self", Type: "application/atom+xml", Href: self(r, base)}}, alternates(found.page, "")...),
	}
	for _, s := range found.items {
		feed.Entries = append(feed.Entries, atomEntry{
			ID: idOf(s), Title: itemTitle(s), Updated: s.Released.Format(time.RFC3339), Author: atomAuthor{string(s.Key)},
			Links: alternates(a.aboutRelease(base, s)), Summary: atomText{"text", clean(s.Description)},
		})
	}
	body, err := xml.MarshalIndent(feed, "", " ")
	if err != nil {
		return Answer{}, fmt.Errorf("encode the Atom feed: %w", err)
	}
	return Answer{ContentType: "application/atom+xml; charset=utf-8", Body: append([]byte(xml.Header), body...)}, nil
}

// JSON Feed, version 1.1: https://www.jsonfeed.org/version/1.1/

type jsonFeed struct {
	Version string     `json:"version"`
	Title   string     `json:"title"`
	Page    string     `json:"home_page_url,omitempty"`
	FeedURL string     `json:"feed_url"`
	Items   []feedItem `json:"items"`
}

type feedItem struct {
	ID        string         `json:"id"`
	URL       string         `json:"url"`
	Title     string         `json:"title"`
	Text      string         `json:"content_text"`
	Published time.Time      `json:"date_published"`
	Authors   []feedAuthor   `json:"authors"`
	Warg      feedExtensions `json:"_warg"`
}

type feedAuthor struct {
	Name string `json:"name"`
}

// feedExtensions is the release as the API has it elsewhere, with its URL there.
type feedExtensions struct {
	About   string            `json:"about"`
	URL     string            `json:"url"`
	Release discovery.Summary `json:"release"`
}

func (a *API) jsonFeed(r *http.Request, base string) (Answer, error) {
	found, err := a.feedOf(r, base)
	if err != nil {
		return Answer{}, err
	}
	feed := jsonFeed{Version: "https://jsonfeed.org/version/1.1", Title: found.title, Page: found.page, FeedURL: self(r, base), Items: []feedItem{}}
	for _, s := range found.items {
		text := clean(s.Description)
		if text == "" {
			text = itemTitle(s) // the text may not be missing
		}
		page, api := a.aboutRelease(base, s)
		feed.Items = append(feed.Items, feedItem{
			ID: idOf(s), URL: cmp.Or(page, api), Title: itemTitle(s), Text: text, Published: s.Released,
			Authors: []feedAuthor{{string(s.Key)}}, Warg: feedExtensions{base + "/" + discovery.OpenAPIPath, api, s},
		})
	}
	body, err := json.Marshal(feed)
	return Answer{ContentType: "application/feed+json; charset=utf-8", Body: body}, err
}
