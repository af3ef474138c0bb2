package discovery

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Parameters of a query in a URL. Lists are comma-separated, or given more than once.
const (
	paramSearch     = "search"
	paramNamespace  = "namespace"
	paramPackage    = "package"
	paramImports    = "imports"
	paramExports    = "exports"
	paramLicense    = "license"
	paramKind       = "kind"
	paramDigest     = "digest"
	paramSignatures = "signatures"
	paramVersions   = "versions"
	paramPreRelease = "pre-release"
	paramInclude    = "include"
	paramSort       = "sort"
	paramPage       = "page"
	paramLimit      = "limit"
)

// Values of include.
const (
	includeYanked   = "yanked"
	includeWithheld = "withheld"
)

// texts are the parameters that are one text.
func (q *Query) texts() map[string]*string {
	return map[string]*string{
		paramSearch: &q.Search, paramNamespace: &q.Namespace, paramPackage: &q.Package, paramLicense: &q.License, paramKind: &q.Kind,
		paramDigest: &q.Digest, paramVersions: &q.Versions, paramSort: &q.Sort, paramPage: &q.Page,
	}
}

func (q *Query) lists() map[string]*[]string {
	return map[string]*[]string{paramImports: &q.Imports, paramExports: &q.Exports, paramSignatures: &q.Signatures}
}

// Values returns the query as parameters of a URL; [ParseQuery] reads them.
func (q Query) Values() url.Values {
	v := url.Values{}
	for name, text := range q.texts() {
		if *text != "" {
			v.Set(name, *text)
		}
	}
	for name, list := range q.lists() {
		for _, one := range *list { // a requirement may have commas
			v.Add(name, one)
		}
	}
	if q.PreRelease {
		v.Set(paramPreRelease, "true")
	}
	if q.Yanked {
		v.Add(paramInclude, includeYanked)
	}
	if q.Withheld {
		v.Add(paramInclude, includeWithheld)
	}
	if q.Limit != 0 {
		v.Set(paramLimit, strconv.Itoa(q.Limit))
	}
	return v
}

// ParseQuery reads a query from the parameters of a URL. A parameter that it does not know,
// one that is given twice and is no list, and a number or truth value that is none, is an
// error; what the texts mean is for the registry to say.
func ParseQuery(v url.Values) (q Query, err error) {
	texts, lists := q.texts(), q.lists()
	for _, name := range slices.Sorted(keysOf(v)) {
		values := v[name]
		if list, ok := lists[name]; ok {
			*list = splitList(values)
			continue
		}
		if name == paramInclude {
			for _, one := range splitList(values) {
				switch one {
				case includeYanked:
					q.Yanked = true
				case includeWithheld:
					q.Withheld = true
				default:
					return q, fmt.Errorf("include: %.100q is neither yanked nor withheld", one)
				}
			}
			continue
		}
		text, isText := texts[name]
		if !isText && name != paramPreRelease && name != paramLimit {
			return q, fmt.Errorf("there is no parameter %.100q", name)
		}
		if len(values) > 1 {
			return q, fmt.Errorf("the parameter %s is given %d times", name, len(values))
		}
		switch {
		case isText:
			*text = values[0]
		case name == paramPreRelease:
			if q.PreRelease, err = strconv.ParseBool(values[0]); err != nil {
				return q, fmt.Errorf("pre-release: %.100q is neither true nor false", values[0])
			}
		default:
			if q.Limit, err = strconv.Atoi(values[0]); err != nil || q.Limit < 1 || q.Limit > MaxLimit {
				return q, fmt.Errorf("limit: %.100q is not a number from 1 to %d", values[0], MaxLimit)
			}
		}
	}
	return q, nil
}

func keysOf(v url.Values) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range v {
			if !yield(name) {
				return
			}
		}
	}
}

// splitList splits at commas, but not where the part behind one continues a requirement of a
// version: "wasi:http/types@>=0.2.0,<0.3" is one value.
func splitList(values []string) (all []string) {
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			part = strings.TrimSpace(part)
			if last := len(all) - 1; last >= 0 && strings.Contains(all[last], "@") && part != "" && strings.ContainsRune("<>=^~*0123456789", rune(part[0])) {
				all[last] += "," + part
				continue
			}
			all = append(all, part)
		}
	}
	return all
}
