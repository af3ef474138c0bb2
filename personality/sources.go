package personality

import (
	"github.com/warg-trillian/warg-trillian/personality/internal/parts"
	"github.com/warg-trillian/warg-trillian/personality/outbound"
)

// Sources says what is done with URLs, in a post of a record, where its content may be
// fetched. The zero value is [RefuseSources].
type Sources string

// What is done with content sources.
const (
	RefuseSources Sources = "refuse" // posts that name some are answered with 501
	CopySources   Sources = "copy"   // content is fetched and kept
	LinkSources   Sources = "link"   // as copy, and clients are told where it was fetched from
)

// setSources prepares what fetches content.
func (o *Options) setSources(p *parts.Options) {
	if o.Sources != CopySources && o.Sources != LinkSources {
		return
	}
	p.Admission.Fetcher = outbound.New(o.Outbound)
	p.Admission.RedactURL = outbound.Redacted
	p.Admission.LinkSources = o.Sources == LinkSources
}
