package api

import "fmt"

// ContentSource is a place to get content from, with HTTP GET.
type ContentSource struct {
	URL          string
	AcceptRanges bool    // the place serves Range requests
	Size         *uint64 // bytes, if known
}

// ContentSourcesResponse has the sources of content by digest: what was asked
// for and, if the registry wants to tell, what that imports.
type ContentSourcesResponse struct{ ContentSources HashMap[[]ContentSource] }

func appendContentSources(b []byte, sources []ContentSource) []byte {
	return appendList(b, sources, func(b []byte, s ContentSource) []byte {
		b = appendText(append(b, `{"type":"httpGet","url":`...), s.URL)
		if s.AcceptRanges {
			b = append(b, `,"acceptRanges":true`...)
		}
		if s.Size != nil {
			b = appendUint(append(b, `,"size":`...), *s.Size)
		}
		return append(b, '}')
	})
}

func (v value) contentSource() (s ContentSource, err error) {
	ranges := defaulted("acceptRanges", &s.AcceptRanges, value.boolean)
	ranges.alias = "accept_ranges"
	err = v.fields(
		constant("type", "httpGet"),
		required("url", &s.URL, value.text),
		ranges,
		optional("size", &s.Size, value.uint64),
	)
	return s, err
}

// constant is a member that must be there and have one value.
func constant(name, want string) field {
	return field{name: name, read: func(v value) error {
		got, err := v.text()
		if err == nil && got != want {
			err = fmt.Errorf("unknown variant `%s`, expected `%s`", got, want)
		}
		return err
	}}
}

// AppendJSON implements [Body].
func (r ContentSourcesResponse) AppendJSON(b []byte) []byte {
	b = appendHashMap(append(b, `{"contentSources":`...), r.ContentSources, appendContentSources)
	return append(b, '}')
}

// MarshalJSON implements [Body].
func (r ContentSourcesResponse) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes.
func (r *ContentSourcesResponse) UnmarshalJSON(data []byte) error {
	*r = ContentSourcesResponse{}
	return unmarshal(data, func(v value) error {
		return v.fields(required("contentSources", &r.ContentSources, hashMapOf(listOf(value.contentSource))))
	})
}
