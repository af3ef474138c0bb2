package config

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/outbound"
)

// Content are the settings of package content.
type Content struct {
	ContentDir       string        `env:"WARG_CONTENT_DIR" group:"content" placeholder:"DIR" help:"Folder for package content (default: content in the data folder)."`
	ContentURL       StoreURL      `env:"WARG_CONTENT_URL" name:"content-url" group:"content" placeholder:"URL" help:"Bucket for package content, in place of a folder: s3://BUCKET, gs://BUCKET or azblob://CONTAINER, with parameters; credentials come from where the provider's own tools take them. Several processes may share it. file:///DIR is a folder."`
	ContentTimeout   Duration      `env:"WARG_CONTENT_TIMEOUT" name:"content-timeout" group:"content" default:"30s" placeholder:"TIME" help:"Longest silence of the bucket (default: ${default})."`
	ContentUpload    ContentUpload `env:"WARG_CONTENT_UPLOAD" name:"content-upload" group:"content" default:"proxy" placeholder:"HOW" help:"How content comes into the bucket: proxy (through this server) or direct (also by URLs that are signed for each record, for clients that can, not with azblob; it is verified from the bucket then) (default: ${default})."`
	ContentRedirect  bool          `env:"WARG_CONTENT_REDIRECT" name:"content-redirect" group:"content" default:"false" help:"Answer downloads of content with a redirect to the bucket: to the content base URL, or to URLs that are signed for a while (default: ${default})."`
	ContentRetention Duration      `env:"WARG_CONTENT_RETENTION" name:"content-retention" group:"content" default:"1h" placeholder:"TIME" help:"Content that no record names, published or waiting, is removed after so long (default: ${default})."`
	ContentBaseURL   URL           `env:"WARG_CONTENT_BASE_URL" name:"content-base-url" group:"content" placeholder:"URL" help:"URL under which clients download content, if not from this server."`
	ContentPolicy    ContentPolicy `env:"WARG_CONTENT_POLICY" group:"content" default:"wasm" placeholder:"POLICY" help:"Content to accept: wasm (valid WebAssembly modules and components) or none (anything) (default: ${default})."`
	RequireLicense   bool          `env:"WARG_REQUIRE_LICENSE" name:"require-license" group:"content" default:"false" help:"Accept only content that names its licence, as an SPDX expression in its metadata (default: ${default})."`
	MaxContentSize   ByteSize      `env:"WARG_MAX_CONTENT_SIZE" group:"content" default:"256MiB" placeholder:"SIZE" help:"Largest content to accept, in bytes or with KiB, MiB or GiB (default: ${default})."`
	MinFreeSpace     ByteSize      `env:"WARG_MIN_FREE_SPACE" group:"content" default:"256MiB" placeholder:"SIZE" help:"Free space that uploads leave on the content folder's disk, or on that of the data folder if content is in a bucket; while there is less, they are refused (default: ${default})."`

	ContentSources      ContentSources `env:"WARG_CONTENT_SOURCES" name:"content-sources" group:"content" default:"refuse" placeholder:"HOW" help:"What to do with URLs, in a post of a record, where its content is: refuse, copy (fetch it and keep it) or link (also tell clients the URL) (default: ${default})."`
	AllowHTTPSources    bool           `env:"WARG_ALLOW_HTTP_SOURCES" name:"allow-http-sources" group:"content" default:"false" help:"Fetch content from http URLs, too, not only https (default: ${default})."`
	AllowPrivateSources bool           `env:"WARG_ALLOW_PRIVATE_SOURCES" name:"allow-private-sources" group:"content" default:"false" help:"Fetch content from any address and port: whoever may publish then reaches the network of this server with it (default: ${default})."`
	FetchTimeout        Duration       `env:"WARG_FETCH_TIMEOUT" name:"fetch-timeout" group:"content" default:"10m" placeholder:"TIME" help:"Longest time to fetch one content from its sources, and to check it (default: ${default})."`
}

// minRetention is the least time for which content that nothing names is kept: who is
// about to name it has that long.
const minRetention = 10 * time.Minute

// apply fills in the folder, and checks what no single setting can.
func (c *Content) apply(dataDir string) error {
	if c.ContentDir != "" && c.ContentURL != "" {
		return errors.New("--content-dir and --content-url (or WARG_CONTENT_DIR and WARG_CONTENT_URL) are both set; keep one")
	}
	if !c.ContentURL.isBucket() && (c.ContentUpload == uploadDirect || c.ContentRedirect) {
		return errors.New("--content-upload=direct and --content-redirect are for content in a bucket, which --content-url (or WARG_CONTENT_URL) names")
	}
	if c.ContentUpload == uploadDirect && c.ContentURL.scheme() == "azblob" {
		return errors.New("--content-upload=direct (or WARG_CONTENT_UPLOAD) cannot be with azblob://: Azure wants a header with each upload that the protocol does not let a registry ask for; leave it at proxy")
	}
	if time.Duration(c.ContentRetention) < minRetention {
		return fmt.Errorf("--content-retention (or WARG_CONTENT_RETENTION) is %v; make it %v or more, so that nothing is removed that is about to be named", time.Duration(c.ContentRetention), minRetention)
	}
	if c.RequireLicense && c.ContentPolicy != ContentPolicyWasm {
		return errors.New("--require-license (or WARG_REQUIRE_LICENSE) needs --content-policy=wasm: only WebAssembly names its licence")
	}
	c.ContentDir = cmp.Or(c.ContentDir, c.ContentURL.dir(), filepath.Join(dataDir, "content"))
	return nil
}

func (c *Content) content(dataDir string) content.Options {
	o := content.Options{
		Dir:           c.ContentDir,
		BucketTimeout: time.Duration(c.ContentTimeout),
		SpoolDir:      filepath.Join(dataDir, "uploads"),
		Direct:        c.ContentUpload == uploadDirect,
		Redirect:      c.ContentRedirect,
		Policy:        content.Policy(c.ContentPolicy),
		MaxSize:       int64(c.MaxContentSize),
		MinFreeSpace:  int64(c.MinFreeSpace),
	}
	if c.ContentURL.isBucket() {
		o.BucketURL = string(c.ContentURL)
	}
	return o
}

func (c *Content) set(o *httpapi.Options, a *admission.Options) {
	o.ContentBaseURL = string(c.ContentBaseURL)
	a.ContentRetention = time.Duration(c.ContentRetention)
}

// StoreURL is where content is kept: a bucket, or file:// with the absolute path of a
// folder. Empty means none.
type StoreURL string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *StoreURL) UnmarshalText(text []byte) error {
	if len(text) > 0 {
		u, err := url.Parse(string(text))
		if err != nil || u.Fragment != "" {
			return errors.New("it is not a URL such as s3://bucket?region=eu-central-1")
		}
		if u.User != nil {
			return errors.New("it holds credentials; leave them out, and set the environment variables of the provider's own tools")
		}
		switch u.Scheme {
		case "s3", "gs", "azblob":
			if u.Host == "" || u.Path != "" {
				return fmt.Errorf("%s:// needs the name of a bucket and no path, as in %s://bucket?prefix=warg/", u.Scheme, u.Scheme)
			}
		case "file":
			if u.Host != "" || !filepath.IsAbs(u.Path) || u.RawQuery != "" {
				return errors.New("file:// needs the absolute path of a folder, as in file:///var/lib/warg/content")
			}
		default:
			return fmt.Errorf("%q is no kind of content store; there are s3, gs, azblob and file", u.Scheme)
		}
	}
	*s = StoreURL(text)
	return nil
}

func (s StoreURL) isBucket() bool { return s != "" && s.dir() == "" }

func (s StoreURL) scheme() string {
	scheme, _, _ := strings.Cut(string(s), ":")
	return strings.ToLower(scheme)
}

// dir is the folder, if it is one.
func (s StoreURL) dir() string {
	if u, err := url.Parse(string(s)); err == nil && u.Scheme == "file" {
		return filepath.Clean(u.Path)
	}
	return ""
}

// ContentUpload is how content comes into a bucket.
type ContentUpload string

const uploadDirect ContentUpload = "direct"

// UnmarshalText implements [encoding.TextUnmarshaler].
func (u *ContentUpload) UnmarshalText(text []byte) error {
	switch ContentUpload(text) {
	case "proxy", uploadDirect:
		*u = ContentUpload(text)
		return nil
	}
	return fmt.Errorf("%q is neither proxy nor direct", text)
}

func (c *Content) outbound(minRate ByteSize) outbound.Options {
	return outbound.Options{
		AllowHTTP: c.AllowHTTPSources, AllowPrivate: c.AllowPrivateSources,
		MinRate: int64(minRate), UserAgent: "warg-personality",
	}
}

// ContentSources is what is done with content sources.
type ContentSources personality.Sources

// UnmarshalText implements [encoding.TextUnmarshaler].
func (c *ContentSources) UnmarshalText(text []byte) error {
	return oneOf(c, text, ContentSources(personality.RefuseSources), ContentSources(personality.CopySources), ContentSources(personality.LinkSources))
}
