package config

import (
	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/httpapi"
)

// Content are the settings of package content.
type Content struct {
	ContentDir     string        `env:"WARG_CONTENT_DIR" group:"content" placeholder:"DIR" help:"Folder for package content (default: content in the data folder)."`
	ContentBaseURL URL           `env:"WARG_CONTENT_BASE_URL" name:"content-base-url" group:"content" placeholder:"URL" help:"URL under which clients download content, if not from this server."`
	ContentPolicy  ContentPolicy `env:"WARG_CONTENT_POLICY" group:"content" default:"wasm" placeholder:"POLICY" help:"Content to accept: wasm (valid WebAssembly modules and components) or none (anything) (default: ${default})."`
	MaxContentSize ByteSize      `env:"WARG_MAX_CONTENT_SIZE" group:"content" default:"256MiB" placeholder:"SIZE" help:"Largest content to accept, in bytes or with KiB, MiB or GiB (default: ${default})."`
	MinFreeSpace   ByteSize      `env:"WARG_MIN_FREE_SPACE" group:"content" default:"256MiB" placeholder:"SIZE" help:"Free space that uploads leave on the content folder's disk; while there is less, they are refused (default: ${default})."`
}

func (c *Content) content() content.Options {
	return content.Options{
		Dir:          c.ContentDir,
		Policy:       content.Policy(c.ContentPolicy),
		MaxSize:      int64(c.MaxContentSize),
		MinFreeSpace: int64(c.MinFreeSpace),
	}
}

func (c *Content) set(o *httpapi.Options) {
	o.ContentBaseURL = string(c.ContentBaseURL)
}
