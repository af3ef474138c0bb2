// Package agent serves a warg registry to clients that speak the OCI distribution
// protocol, such as wkg, at the machine of one user, with what OCI does not have: what is
// pushed is signed with the user's key and published, and what is pulled was verified
// before.
//
// The package says nothing of command lines. It keeps uploads, and content that was
// verified, in a folder, which may be deleted: everything in it can be had again. A
// request under way may fail then; the next one makes the folder again.
package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/ociimage"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Defaults of [Options].
const (
	DefaultMaxContent int64 = client.DefaultMaxContent // bytes
	DefaultMaxKept    int64 = 2 << 30                  // bytes
)

// Options of [New].
type Options struct {
	// Registry is the client of the registry. All that it demands of a registry is
	// demanded of each package before anything of it is answered.
	Registry *client.Client
	// Signer signs records; nil: nothing can be pushed.
	Signer protocol.Signer
	// Dir is the folder for uploads and content; it is made if it is missing (0700).
	Dir string
	// Identity names the registry and its history, such as by URL and operator key. What
	// was proved of one must not be handed on as that of another: a folder is for one.
	Identity string
	// Token is what requests must have; "": nothing. See [Agent.Handler].
	Token string
	// MaxContent is the largest content that may be pushed, in bytes; 0: DefaultMaxContent.
	MaxContent int64
	// MaxKept is how many bytes of content stay in the folder, about; 0: DefaultMaxKept.
	// What was not used for longest goes first. One content is always kept.
	MaxKept int64
	// Logger says what happens; nil: nobody does.
	Logger *slog.Logger
	// Explain is called with each error by which a request failed, before it is turned into
	// one of OCI, and returns what the log says of it; nil: nobody is. It may keep evidence
	// of a registry that lied, and name files of this machine.
	Explain func(error) error
	// Now is the clock, for the age of uploads; nil: [time.Now].
	Now func() time.Time
}

// Agent answers for one registry. It may be used by several goroutines, and several agents
// may share a folder.
type Agent struct {
	options Options
	log     *slog.Logger
	blobs   blobs
	uploads uploads
	images  images
	turns   turns
	built   *lru.Cache[built, ociimage.Image] // what was made of releases lately
}

// built names an image: that of a version in a record.
type built struct {
	name    string
	version string
	record  protocol.Hash
}

const maxBuilt = 1000

// New makes an agent and its folder. It makes no request.
func New(o Options) (*Agent, error) {
	if o.Registry == nil || o.Dir == "" {
		return nil, errors.New("an agent needs a registry and a folder")
	}
	if o.MaxContent == 0 {
		o.MaxContent = DefaultMaxContent
	}
	if o.MaxKept == 0 {
		o.MaxKept = DefaultMaxKept
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &Agent{
		options: o, log: o.Logger,
		blobs:   blobs{dir: filepath.Join(o.Dir, "content"), max: o.MaxKept, now: o.Now},
		uploads: uploads{dir: filepath.Join(o.Dir, "uploads"), max: o.MaxContent, now: o.Now},
		images:  images{dir: filepath.Join(o.Dir, "images")},
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	err := a.makeFolders()
	if err != nil {
		return nil, err
	}
	if a.built, err = lru.New[built, ociimage.Image](maxBuilt); err != nil {
		return nil, err
	}
	return a, a.uploads.removeOld()
}

// makeFolders makes what is missing of the agent's folder. `warg reset` may delete it at any
// time, so each request does that before anything else.
func (a *Agent) makeFolders() error {
	for _, dir := range []string{a.options.Dir, a.blobs.dir, a.uploads.dir, a.images.dir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("folder of the agent: %w", err)
		}
	}
	return claim(filepath.Join(a.options.Dir, "registry"), a.options.Identity)
}

// claim demands that a file has a text, and makes it if it is missing.
func claim(path, text string) error {
	found, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return replaceFile(path, []byte(text+"\n"))
	case err != nil:
		return err
	case string(found) != text+"\n":
		return fmt.Errorf("the folder %s is for the registry %q, not for %q: delete it, or use another one", filepath.Dir(path), strings.TrimSpace(string(found)), text)
	}
	return nil
}
