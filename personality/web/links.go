package web

import (
	"html/template"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// functions are those of the templates.
func (s *Site) functions() template.FuncMap {
	return template.FuncMap{
		"line": line, "lines": lines,
		"unix": func(seconds uint64) string { return moment(time.Unix(int64(seconds), 0)) },
		"date": date, "moment": moment, "size": size, "short": short, "count": whole(count),
		"plural": func(n any, noun string) string { return whole(func(n int64) string { return plural(n, noun) })(n) },
		"need":   need, "outside": outside, "hostOf": hostOf,
		"namespace": func(name string) string { space, _, _ := strings.Cut(name, ":"); return space },
		"bare":      func(name string) string { _, bare, _ := strings.Cut(name, ":"); return bare },

		"to":        s.to,
		"asset":     s.assetURL,
		"pkg":       s.packageURL,
		"rel":       s.releaseURL,
		"interface": s.interfaceURL,
		"key":       func(id protocol.KeyID) string { return s.prefix + "/keys/" + url.PathEscape(string(id)) },
		"find":      s.findURL,
	}
}

// to is a page's address with query parameters, each a name and a value. Empty values are
// left out.
func (s *Site) to(path string, pairs ...string) string {
	query := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			query.Add(pairs[i], pairs[i+1])
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return s.prefix + path
}

func (s *Site) packageURL(name string) string { return s.prefix + packagePath(name) }

func packagePath(name string) string { return "/packages/" + url.PathEscape(name) }

// ReleasePage is the path of the page of a release, below the registry's URL.
func (s *Site) ReleasePage(name, version string) string {
	return packagePath(name) + "/" + url.PathEscape(version)
}

// ListPage is the path, below the registry's URL, of a page that has the releases of a
// namespace, of a package or of those that export an interface; of all, if none is named.
func (s *Site) ListPage(namespace, pkg, iface string) string {
	iface, _, _ = strings.Cut(iface, "@") // a requirement of a version
	switch {
	case pkg != "":
		return packagePath(pkg)
	case iface != "":
		return "/interfaces?" + url.Values{"name": {iface}}.Encode()
	case namespace != "":
		return "/search?" + url.Values{"namespace": {namespace}, "sort": {discovery.SortNewest}}.Encode()
	}
	return "/"
}

func (s *Site) releaseURL(name, version string, parts ...string) string {
	path := s.prefix + s.ReleasePage(name, version)
	for _, part := range parts {
		path += "/" + part
	}
	return path
}

// interfaceName is a name "namespace:package/interface", with further namespaces as the
// component model allows them. Others have no page.
var interfaceName = regexp.MustCompile(`^[a-zA-Z0-9-]+(:[a-zA-Z0-9-]+)+(/[a-zA-Z0-9-]+)+$`)

// maxLinked is how long a name may be that has a link.
const maxLinked = 256

// interfaceURL is where the page of an interface is; "" if there is none of that name.
func (s *Site) interfaceURL(name string) string {
	if len(name) > maxLinked || !interfaceName.MatchString(name) {
		return ""
	}
	return s.to("/interfaces", "name", name)
}

func (s *Site) findURL(name, value string) string { return s.to("/search", name, value) }

// outside is a link out of this registry that a package asks for: an http or https URL;
// "" if it is another one.
func outside(text string) string {
	if len(text) > maxLinked {
		return ""
	}
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Opaque != "" {
		return ""
	}
	return u.String()
}

// hostOf is what to show of such a link.
func hostOf(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return line(strings.TrimSuffix(u.Host+u.Path, "/"), 80)
}

func date(t time.Time) string   { return t.UTC().Format("2 January 2006") }
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }

// size is a number of bytes for people.
func size(bytes int64) string {
	value, unit := float64(bytes), ""
	for _, unit = range []string{"bytes", "KiB", "MiB", "GiB"} {
		if value < 1024 || unit == "GiB" {
			break
		}
		value /= 1024
	}
	if unit == "bytes" {
		return plural(bytes, "byte")
	}
	return strconv.FormatFloat(value, 'f', map[bool]int{true: 1, false: 0}[value < 100], 64) + " " + unit
}

// whole makes a function of whole numbers one that templates can call with any of their
// types.
func whole(f func(n int64) string) func(n any) string {
	return func(n any) string {
		v := reflect.ValueOf(n)
		if v.CanUint() {
			return f(int64(v.Uint()))
		}
		return f(v.Int())
	}
}

// count is a number with a thin space between thousands.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "\u202f" + digits[i:]
	}
	return digits
}

// plural is a number and its noun.
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok && !strings.ContainsAny(stem[len(stem)-1:], "aeou") {
		return count(n) + " " + stem + "ies"
	}
	return count(n) + " " + noun + "s"
}

// short is the beginning of a hash or key id, enough to tell it from others by eye.
func short(id any) string {
	text := ""
	switch id := id.(type) {
	case protocol.Hash:
		text = id.String()
	case *protocol.Hash:
		text = id.String()
	case protocol.KeyID:
		text = string(id)
	}
	algorithm, digits, ok := strings.Cut(text, ":")
	if !ok || len(digits) <= 12 {
		return line(text, 40)
	}
	return algorithm + ":" + line(digits[:12], 40) + "…"
}

// kinds of content in words.
var kinds = map[string]string{
	discovery.KindModule:    "core module",
	discovery.KindComponent: "component",
	discovery.KindWIT:       "WIT package",
}

// needs are the names of capabilities that read badly as they are.
var needs = map[string]string{"http-client": "HTTP requests", "stdio": "Standard streams", "host": "Host functions", "exit": "Ending"}

// need is the name of a capability as a heading.
func need(name string) string {
	if known := needs[name]; known != "" {
		return known
	}
	words := strings.ReplaceAll(line(name, 60), "-", " ")
	_, size := utf8.DecodeRuneInString(words)
	return strings.ToUpper(words[:size]) + words[size:]
}
