package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/session"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

type infoCommand struct {
	Package packageSpec `arg:"" optional:"" help:"Package, such as example:hello; without it, the registry is shown."`
	NoSizes bool        `help:"Do not ask for the sizes of contents, which takes a request each."`
	session.Flags
}

// Run shows a registry or a package.
func (c infoCommand) Run(env *environment, out *output) error {
	return env.withRegistry(out, c.Flags, func(s *session.Session) error {
		if c.Package.Name == (protocol.PackageName{}) {
			return registryInfo(env, out, s)
		}
		return c.packageInfo(env, out, s)
	})
}

// registryShown is a registry as JSON.
type registryShown struct {
	Registry    string                 `json:"registry"`
	API         string                 `json:"api"`
	LoggedIn    bool                   `json:"loggedIn"`
	OperatorKey protocol.PublicKey     `json:"operatorKey"`
	Pinned      bool                   `json:"operatorKeyPinned"`
	LogLength   uint64                 `json:"logLength"`
	SignedAt    time.Time              `json:"signedAt"`
	Namespaces  []namespaceShown       `json:"namespaces"`
	Packages    []protocol.PackageName `json:"rememberedPackages"`
}

type namespaceShown struct {
	Name     string `json:"name"`
	Registry string `json:"importedFrom,omitempty"`
}

func registryInfo(env *environment, out *output, s *session.Session) error {
	operator, err := s.Client.Operator(env.context)
	if err != nil {
		return err
	}
	packages, err := s.Packages()
	if err != nil {
		return err
	}
	signed := operator.Checkpoint.Contents
	shown := registryShown{
		Registry: s.Registry, API: s.API(), LoggedIn: s.LoggedIn(), OperatorKey: operator.Key, Pinned: s.Trust.OperatorKey != nil,
		LogLength: signed.LogLength, SignedAt: seconds(signed.Timestamp), Namespaces: []namespaceShown{}, Packages: packages,
	}
	how := "believed since first contact"
	if shown.Pinned {
		how = "pinned"
	}
	login := "not logged in"
	if shown.LoggedIn {
		login = "logged in"
	}
	lines := []string{
		fmt.Sprintf("Registry: %s (%s)", s.Registry, login),
		fmt.Sprintf("Operator key: %s (%s)", operator.Key, how),
		fmt.Sprintf("Checkpoint: %d records, signed %s", shown.LogLength, shown.SignedAt.Format(time.RFC3339)),
		"Namespaces:",
	}
	for n := range operator.Namespaces() {
		shown.Namespaces = append(shown.Namespaces, namespaceShown{n.Name, n.Registry})
		if line := "  " + n.Name; n.Imported {
			lines = append(lines, line+" (of the registry "+n.Registry+")")
		} else {
			lines = append(lines, line)
		}
	}
	lines = append(lines, "Packages that are remembered:")
	for _, name := range packages {
		lines = append(lines, "  "+name.String())
	}
	out.say("registry", shown, lines...)
	return nil
}

// packageShown is a package as JSON.
type packageShown struct {
	Package   protocol.PackageName `json:"package"`
	Registry  string               `json:"registry"`
	Head      protocol.Hash        `json:"head"`
	LogLength uint64               `json:"logLength"`
	SignedAt  time.Time            `json:"signedAt"`
	Releases  []releaseShown       `json:"releases"`
	Keys      []keyShown           `json:"keys"`
}

type releaseShown struct {
	Version  string           `json:"version"`
	Content  protocol.AnyHash `json:"content,omitempty"` // none if it was yanked
	Size     *uint64          `json:"size,omitempty"`    // bytes, as the registry says
	By       protocol.KeyID   `json:"by"`
	Time     time.Time        `json:"time"`
	RecordID protocol.Hash    `json:"recordId"`
	Yanked   *yankShown       `json:"yanked,omitempty"`
	Withheld *withheldShown   `json:"withheld,omitempty"` // none is known of if it was yanked
}

type yankShown struct {
	By   protocol.KeyID `json:"by"`
	Time time.Time      `json:"time"`
}

type keyShown struct {
	KeyID       protocol.KeyID               `json:"keyId"`
	PublicKey   *protocol.PublicKey          `json:"publicKey,omitempty"`
	Permissions []protocol.PackagePermission `json:"permissions"`
}

func (c infoCommand) packageInfo(env *environment, out *output, s *session.Session) error {
	p, err := s.Client.Package(env.context, c.Package.Name)
	if err != nil {
		return err
	}
	shown := packageShown{
		Package: p.Name, Registry: s.Registry, Head: p.Head, LogLength: p.Checkpoint.Contents.LogLength,
		SignedAt: seconds(p.Checkpoint.Contents.Timestamp), Releases: []releaseShown{}, Keys: []keyShown{},
	}
	for r := range p.Releases() {
		release := releaseShown{Version: r.Version, Content: r.Content, By: r.By, Time: r.Time.Std(), RecordID: r.RecordID}
		if r.Yank != nil {
			release.Yanked = &yankShown{r.Yank.By, r.Yank.Time.Std()}
		}
		if c.Package.Version == "" || c.Package.Version == r.Version {
			shown.Releases = append(shown.Releases, release)
		}
	}
	for id, key := range p.Keys() {
		k := keyShown{KeyID: id, Permissions: append([]protocol.PackagePermission{}, key.Permissions...)}
		if !key.Public.IsZero() {
			k.PublicKey = &key.Public
		}
		shown.Keys = append(shown.Keys, k)
	}
	withheld, err := withheldNow(env, out, s)
	if err != nil {
		return err
	}
	for i, r := range shown.Releases {
		digest, err := r.Content.Hash()
		if s, ok := withheld[digest]; ok && err == nil {
			shown.Releases[i].Withheld = showWithheld(s)
		}
	}
	if !c.NoSizes {
		if err := askSizes(env, s, shown.Releases); err != nil {
			return err
		}
	}
	out.say("package", shown, shown.lines()...)
	return nil
}

// askers is how many sizes are asked for at a time.
const askers = 4

// askSizes asks the registry for the sizes of contents. What it does not have, or does not
// tell, is left out.
func askSizes(env *environment, s *session.Session, releases []releaseShown) error {
	group, ctx := errgroup.WithContext(env.context)
	group.SetLimit(askers)
	var mu sync.Mutex
	for i := range releases {
		digest, err := releases[i].Content.Hash()
		if err != nil || releases[i].Withheld != nil {
			continue // it was yanked, or is not given
		}
		group.Go(func() error {
			size, known, err := s.Client.ContentSize(ctx, digest)
			var refusal *client.APIError
			mu.Lock()
			defer mu.Unlock()
			if releases[i].Withheld = withheldIn(err); releases[i].Withheld != nil || errors.As(err, &refusal) {
				return nil
			}
			if known {
				releases[i].Size = &size
			}
			return err
		})
	}
	return group.Wait()
}

func (p packageShown) lines() []string {
	lines := []string{
		fmt.Sprintf("Package: %s", p.Package),
		fmt.Sprintf("Registry: %s, verified in its log of %d records, signed %s", p.Registry, p.LogLength, p.SignedAt.Format(time.RFC3339)),
		"Versions:",
	}
	for _, r := range p.Releases {
		size := ""
		if r.Size != nil {
			size = fmt.Sprintf(", %d bytes", *r.Size)
		}
		if r.Yanked != nil {
			lines = append(lines, fmt.Sprintf("  %s YANKED %s by %s", r.Version, r.Yanked.Time.Format(time.RFC3339), r.Yanked.By))
		} else {
			lines = append(lines, fmt.Sprintf("  %s (%s%s)", r.Version, r.Content, size))
		}
		if r.Withheld != nil {
			lines = append(lines, "    "+r.Withheld.words())
		}
		lines = append(lines, fmt.Sprintf("    released %s by %s", r.Time.Format(time.RFC3339), r.By))
	}
	lines = append(lines, "Keys:")
	for _, k := range p.Keys {
		may := "may nothing any more"
		if len(k.Permissions) > 0 {
			may = "may " + joined(k.Permissions)
		}
		lines = append(lines, fmt.Sprintf("  %s %s", k.KeyID, may))
	}
	return lines
}

// seconds is a time of a checkpoint.
func seconds(since1970 uint64) time.Time { return time.Unix(int64(min(since1970, 1<<40)), 0).UTC() }
