package api

import "github.com/warg-trillian/warg-trillian/warg/internal/serde"

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
		b = serde.AppendText(append(b, `{"type":"httpGet","url":`...), s.URL)
		if s.AcceptRanges {
			b = append(b, `,"acceptRanges":true`...)
		}
		if s.Size != nil {
			b = appendUint(append(b, `,"size":`...), *s.Size)
		}
		return append(b, '}')
	})
}

func readContentSource(v serde.Value) (s ContentSource, err error) {
	ranges := serde.Defaulted("acceptRanges", &s.AcceptRanges, serde.Value.Bool)
	ranges.Alias = "accept_ranges"
	err = v.Fields(
		constant("type", "httpGet"),
		serde.Required("url", &s.URL, serde.Value.Text),
		ranges,
		serde.Optional("size", &s.Size, serde.Value.Uint64),
	)
	return s, err
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
	return unmarshal(data, func(v serde.Value) error {
		return v.Fields(serde.Required("contentSources", &r.ContentSources, hashMapOf(serde.ListOf(readContentSource))))
	})
}
