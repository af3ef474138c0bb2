package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/upgrade/manifest"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// manyKeys is how many keys one package has: more than a newer version allows.
const manyKeys = 1_200

// keysARecord is how many of them one record grants.
const keysARecord = 600

// step is one package's part of the scenario.
type step func(ctx context.Context, b *builder) error

func all(ctx context.Context, b *builder, steps ...step) error {
	for _, s := range steps {
		if err := s(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// publishAll makes what is decided: published or rejected.
func (b *builder) publishAll(ctx context.Context) error {
	return all(ctx, b, publishHistory, publishPlain, publishAhead, publishManyKeys, rejectRelease, rejectFirst)
}

// makeWait makes what waits for content.
func (b *builder) makeWait(ctx context.Context) error {
	return all(ctx, b, waitInChain, waitBeforeYank, waitTogether, waitFromTheStart, waitForOneOfTwo)
}

// publishHistory: a package with every kind of entry.
func publishHistory(ctx context.Context, b *builder) error {
	p, err := b.newPackage("history")
	if err != nil {
		return err
	}
	one, two, three := version("1.0.0", b.content("one")), version("1.1.0", b.content("two")), version("2.0.0", b.content("three"))
	if _, err := p.post(ctx, p.owner, p.initEntry()); err != nil {
		return err
	}
	for _, s := range []struct {
		by     protocol.PrivateKey
		entry  protocol.PackageEntry
		upload bool
	}{
		{p.owner, one, true},
		{p.owner, two, true},
		{p.owner, p.grantEntry(), false},
		{p.delegate, three, true},
		{p.owner, protocol.PackageEntry{Type: protocol.EntryYank, Version: "1.0.0"}, false},
		{p.owner, protocol.PackageEntry{Type: protocol.EntryRevokeFlat, KeyID: p.delegate.Public().ID(),
			Permissions: []protocol.PackagePermission{protocol.PermissionRelease}}, false},
	} {
		r, err := p.post(ctx, s.by, s.entry)
		if err != nil {
			return err
		}
		if s.upload {
			if err := p.upload(ctx, r, s.entry, http.StatusCreated); err != nil {
				return err
			}
		}
		if err := p.await(ctx, r, api.StatePublished); err != nil {
			return err
		}
	}
	return nil
}

// publishPlain: packages of one record, whose content is there.
func publishPlain(ctx context.Context, b *builder) error {
	for i := range 8 {
		p, err := b.newPackage(fmt.Sprintf("plain-%c", 'a'+i))
		if err != nil {
			return err
		}
		r, err := p.post(ctx, p.owner, p.initEntry(), version("0.1.0", b.content("one")))
		if err != nil {
			return err
		}
		if err := p.await(ctx, r, api.StatePublished); err != nil {
			return err
		}
	}
	return nil
}

// publishAhead: a package whose newest record is dated ten years ahead, which a
// newer version refuses.
func publishAhead(ctx context.Context, b *builder) error {
	p, err := b.begun(ctx, "ahead")
	if err != nil {
		return err
	}
	r, err := p.postAt(ctx, time.Now().AddDate(10, 0, 0), p.owner, version("1.0.0", b.content("one")))
	if err != nil {
		return err
	}
	return p.await(ctx, r, api.StatePublished)
}

// publishManyKeys: a package with more keys than a newer version allows.
func publishManyKeys(ctx context.Context, b *builder) error {
	p, err := b.begun(ctx, "many-keys")
	if err != nil {
		return err
	}
	var entries []protocol.PackageEntry
	for x := uint32(1); len(entries) < manyKeys; x++ {
		// Keys that nobody has, with small numbers in them so that the archive
		// stays small. About half of all numbers are on the curve.
		point := make([]byte, 33)
		point[0], point[30], point[31], point[32] = 2, byte(x>>16), byte(x>>8), byte(x)
		key, err := protocol.ParsePublicKey("ecdsa-p256:" + base64.StdEncoding.EncodeToString(point))
		if err != nil {
			continue
		}
		entries = append(entries, protocol.PackageEntry{Type: protocol.EntryGrantFlat, Key: key, Permissions: []protocol.PackagePermission{protocol.PermissionYank}})
	}
	for len(entries) > 0 {
		r, err := p.post(ctx, p.owner, entries[:keysARecord]...)
		if err != nil {
			return err
		}
		if err := p.await(ctx, r, api.StatePublished); err != nil {
			return err
		}
		entries = entries[keysARecord:]
	}
	return nil
}

// rejectRelease: a release whose content is not WebAssembly, with one accepted
// behind it, and then one that is published in its place.
func rejectRelease(ctx context.Context, b *builder) error {
	p, err := b.begun(ctx, "rejected")
	if err != nil {
		return err
	}
	head := p.head
	bad := version("1.0.0", b.raw([]byte("this is no module")))
	r, err := p.post(ctx, p.owner, bad)
	if err != nil {
		return err
	}
	if _, err := p.post(ctx, p.owner, p.grantEntry()); err != nil {
		return err
	}
	if err := p.upload(ctx, r, bad, http.StatusUnprocessableEntity); err != nil {
		return err
	}
	p.head = head
	if r, err = p.post(ctx, p.owner, version("1.0.0", b.content("one"))); err != nil {
		return err
	}
	return p.await(ctx, r, api.StatePublished)
}

// rejectFirst: a package of which nothing but a rejected first record is left.
func rejectFirst(ctx context.Context, b *builder) error {
	p, err := b.newPackage("rejected-first")
	if err != nil {
		return err
	}
	bad := version("1.0.0", b.raw([]byte("nor is this")))
	r, err := p.post(ctx, p.owner, p.initEntry(), bad)
	if err != nil {
		return err
	}
	return p.upload(ctx, r, bad, http.StatusUnprocessableEntity)
}

// waitInChain: a release that waits for its content, and behind it, in the same
// log, a release whose content is there, a grant, and a release by the key that
// was granted which waits too.
func waitInChain(ctx context.Context, b *builder) error {
	p, err := b.begun(ctx, "chain")
	if err != nil {
		return err
	}
	for _, s := range []struct {
		by    protocol.PrivateKey
		entry protocol.PackageEntry
	}{
		{p.owner, version("1.0.0", b.content("chain 1"))},
		{p.owner, version("1.0.1", b.content("one"))},
		{p.owner, p.grantEntry()},
		{p.delegate, version("1.0.2", b.content("chain 2"))},
	} {
		if _, err := p.post(ctx, s.by, s.entry); err != nil {
			return err
		}
	}
	return nil
}

// waitBeforeYank: a release that waits, and behind it a yank of one that is
// published.
func waitBeforeYank(ctx context.Context, b *builder) error {
	p, err := b.newPackage("yank-behind")
	if err != nil {
		return err
	}
	r, err := p.post(ctx, p.owner, p.initEntry(), version("1.0.0", b.content("one")))
	if err != nil {
		return err
	}
	if err := p.await(ctx, r, api.StatePublished); err != nil {
		return err
	}
	if _, err := p.post(ctx, p.owner, version("1.1.0", b.content("before a yank"))); err != nil {
		return err
	}
	_, err = p.post(ctx, p.owner, protocol.PackageEntry{Type: protocol.EntryYank, Version: "1.0.0"})
	return err
}

// waitTogether: two packages that wait for the same content.
func waitTogether(ctx context.Context, b *builder) error {
	for _, name := range []string{"twin-a", "twin-b"} {
		p, err := b.begun(ctx, name)
		if err != nil {
			return err
		}
		if _, err := p.post(ctx, p.owner, version("1.0.0", b.content("twins"))); err != nil {
			return err
		}
	}
	return nil
}

// waitFromTheStart: a package whose first record waits, with a grant behind it.
func waitFromTheStart(ctx context.Context, b *builder) error {
	p, err := b.newPackage("from-the-start")
	if err != nil {
		return err
	}
	if _, err := p.post(ctx, p.owner, p.initEntry(), version("1.0.0", b.content("from the start"))); err != nil {
		return err
	}
	_, err = p.post(ctx, p.owner, p.grantEntry())
	return err
}

// waitForOneOfTwo: a record with two contents, of which one has arrived.
func waitForOneOfTwo(ctx context.Context, b *builder) error {
	p, err := b.begun(ctx, "two-contents")
	if err != nil {
		return err
	}
	there := version("1.0.0", b.content("first of two"))
	r, err := p.post(ctx, p.owner, there, version("1.1.0", b.content("second of two")))
	if err != nil {
		return err
	}
	return p.upload(ctx, r, there, http.StatusCreated)
}

// putInFlight makes records that are complete and not published: a package of
// two records, and one whose second record waits. The server makes one checkpoint
// soon, with the first package here, and then none.
func (b *builder) putInFlight(ctx context.Context) error {
	if _, err := b.begun(ctx, "last-published"); err != nil {
		return err
	}
	fresh, err := b.newPackage("in-flight")
	if err != nil {
		return err
	}
	mixed, err := b.newPackage("in-flight-and-waiting")
	if err != nil {
		return err
	}
	for _, s := range []struct {
		p        *pkg
		inFlight bool
		entries  []protocol.PackageEntry
	}{
		{fresh, true, []protocol.PackageEntry{fresh.initEntry()}},
		{fresh, true, []protocol.PackageEntry{version("1.0.0", b.content("one"))}},
		{mixed, true, []protocol.PackageEntry{mixed.initEntry(), version("1.0.0", b.content("one"))}},
		{mixed, false, []protocol.PackageEntry{version("1.0.1", b.content("behind one in flight"))}},
	} {
		r, err := s.p.post(ctx, s.p.owner, s.entries...)
		if err != nil {
			return err
		}
		r.InFlight = s.inFlight
	}
	return nil
}

// begun makes a package whose first record is published.
func (b *builder) begun(ctx context.Context, name string) (*pkg, error) {
	p, err := b.newPackage(name)
	if err != nil {
		return nil, err
	}
	var first *manifest.Record
	if first, err = p.post(ctx, p.owner, p.initEntry()); err != nil {
		return nil, err
	}
	return p, p.await(ctx, first, api.StatePublished)
}
