package config

import (
	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/outbound"
)

// Content are the settings of package content.
type Content struct {
	ContentDir     string        `env:"WARG_CONTENT_DIR" group:"content" placeholder:"DIR" help:"Folder for package content (default: content in the data folder)."`
	ContentBaseURL URL           `env:"WARG_CONTENT_BASE_URL" name:"content-base-url" group:"content" placeholder:"URL" help:"URL under which clients download content, if not from this server."`
	ContentPolicy  ContentPolicy `env:"WARG_CONTENT_POLICY" group:"content" default:"wasm" placeholder:"POLICY" help:"Content to accept: wasm (valid WebAssembly modules and components) or none (anything) (default: ${default})."`
	MaxContentSize ByteSize      `env:"WARG_MAX_CONTENT_SIZE" group:"content" default:"256MiB" placeholder:"SIZE" help:"Largest content to accept, in bytes or with KiB, MiB or GiB (default: ${default})."`
	MinFreeSpace   ByteSize      `env:"WARG_MIN_FREE_SPACE" group:"content" default:"256MiB" placeholder:"SIZE" help:"Free space that uploads leave on the content folder's disk; while there is less, they are refused (default: ${default})."`

	ContentSources      ContentSources `env:"WARG_CONTENT_SOURCES" name:"content-sources" group:"content" default:"refuse" placeholder:"HOW" help:"What to do with URLs, in a post of a record, where its content is: refuse, copy (fetch it and keep it) or link (also tell clients the URL) (default: ${default})."`
	AllowHTTPSources    bool           `env:"WARG_ALLOW_HTTP_SOURCES" name:"allow-http-sources" group:"content" default:"false" help:"Fetch content from http URLs, too, not only https (default: ${default})."`
	AllowPrivateSources bool           `env:"WARG_ALLOW_PRIVATE_SOURCES" name:"allow-private-sources" group:"content" default:"false" help:"Fetch content from any address and port: whoever may publish then reaches the network of this server with it (default: ${default})."`
	FetchTimeout        Duration       `env:"WARG_FETCH_TIMEOUT" name:"fetch-timeout" group:"content" default:"10m" placeholder:"TIME" help:"Longest time to fetch one content from its sources, and to check it (default: ${default})."`
}

func (c *Content) content() content.Options {
	return content.Options{
		Dir:          c.ContentDir,
		Policy:       content.Policy(c.ContentPolicy),
		MaxSize:      int64(c.MaxContentSize),
		MinFreeSpace: int64(c.MinFreeSpace),
	}
}

func (c *Content) outbound(minRate ByteSize) outbound.Options {
	return outbound.Options{
		AllowHTTP: c.AllowHTTPSources, AllowPrivate: c.AllowPrivateSources,
		MinRate: int64(minRate), UserAgent: "warg-personality",
	}
}

func (c *Content) set(o *httpapi.Options) {
	o.ContentBaseURL = string(c.ContentBaseURL)
}

// ContentSources is what is done with content sources.
type ContentSources personality.Sources

// UnmarshalText implements [encoding.TextUnmarshaler].
func (c *ContentSources) UnmarshalText(text []byte) error {
	return oneOf(c, text, ContentSources(personality.RefuseSources), ContentSources(personality.CopySources), ContentSources(personality.LinkSources))
}
