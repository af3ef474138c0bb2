package discoveryapi

import (
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

// feedOf reads what a feed has: new releases of all, of a namespace, of a package, or those
// that export an interface.
func (a *API) feedOf(r *http.Request) (page discovery.Page, title string, err error) {
	v, err := only(r, "namespace", "package", "interface")
	if err != nil {
		return page, "", err
	}
	if len(v) > 1 {
		return page, "", badRequest(errors.New("a feed is of a namespace, of a package or of an interface: give one of them"))
	}
	q := discovery.Query{Versions: "all", PreRelease: true, Sort: discovery.SortNewest, Limit: feedItems, Namespace: v.Get("namespace"), Package: v.Get("package")}
	title = "New releases"
	if of := v.Get("namespace") + v.Get("package"); of != "" {
		title += " of " + of
	}
	if name := v.Get("interface"); v.Has("interface") {
		q.Exports = []string{name}
		title += " that export " + name
	}
	page, err = a.index.Search(r.Context(), q)
	return page, clean(title), err
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
	page, title, err := a.feedOf(r)
	if err != nil {
		return Answer{}, err
	}
	feed := atomFeed{
		ID: self(r, base), Title: title, Updated: updated(page.Items).Format(time.RFC3339), Generator: "warg-trillian",
		Author: atomAuthor{base}, Links: []atomLink{{Rel: "self", Type: "application/atom+xml", Href: self(r, base)}},
	}
	for _, s := range page.Items {
		feed.Entries = append(feed.Entries, atomEntry{
			ID: idOf(s), Title: itemTitle(s), Updated: s.Released.Format(time.RFC3339), Author: atomAuthor{string(s.Key)},
			Links:   []atomLink{{Rel: "alternate", Type: jsonType, Href: base + "/" + discovery.ReleasePath(s.Name, s.Version)}},
			Summary: atomText{"text", clean(s.Description)},
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

// feedExtensions is the release as the API has it elsewhere.
type feedExtensions struct {
	About   string            `json:"about"`
	Release discovery.Summary `json:"release"`
}

func (a *API) jsonFeed(r *http.Request, base string) (Answer, error) {
	page, title, err := a.feedOf(r)
	if err != nil {
		return Answer{}, err
	}
	feed := jsonFeed{Version: "https://jsonfeed.org/version/1.1", Title: title, FeedURL: self(r, base), Items: []feedItem{}}
	for _, s := range page.Items {
		text := clean(s.Description)
		if text == "" {
			text = itemTitle(s) // the text may not be missing
		}
		feed.Items = append(feed.Items, feedItem{
			ID: idOf(s), URL: base + "/" + discovery.ReleasePath(s.Name, s.Version), Title: itemTitle(s), Text: text, Published: s.Released,
			Authors: []feedAuthor{{string(s.Key)}}, Warg: feedExtensions{base + "/" + discovery.OpenAPIPath, s},
		})
	}
	body, err := json.Marshal(feed)
	return Answer{ContentType: "application/feed+json; charset=utf-8", Body: body}, err
}
