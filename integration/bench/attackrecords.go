package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	forgedKeys    = 20_000 // in a record of 1.6 MB
	grantsARecord = 999
	manyKeys      = 40_500 // in one package, or as many as the registry takes
	grantsChain   = 20     // records behind one that waits
)

// publicKeys are keys that nobody has: about half of all numbers are the x of a
// point on the curve.
func publicKeys(n int) []protocol.PublicKey {
	var keys []protocol.PublicKey
	for x := uint64(1); len(keys) < n; x++ {
		point := append([]byte{2}, make([]byte, 32)...)
		binary.BigEndian.PutUint64(point[25:], x)
		if key, err := protocol.ParsePublicKey("ecdsa-p256:" + base64.StdEncoding.EncodeToString(point)); err == nil {
			keys = append(keys, key)
		}
	}
	return keys
}

func grantEntries(keys []protocol.PublicKey) []protocol.PackageEntry {
	entries := make([]protocol.PackageEntry, len(keys))
	for i, key := range keys {
		entries[i] = protocol.PackageEntry{Type: protocol.EntryGrantFlat, Key: key, Permissions: []protocol.PackagePermission{protocol.PermissionYank}}
	}
	return entries
}

// forge makes a request with a record whose signature is another record's.
func forge(key protocol.PrivateKey, name protocol.PackageName, prev protocol.AnyHash, entries ...protocol.PackageEntry) []byte {
	content := protocol.PackageRecord{Prev: prev, Time: protocol.TimeOf(time.Now()), Entries: entries}
	forged := content.Sign(key)
	content.Version++
	forged.Signature = content.Sign(key).Signature
	return api.PublishRecordRequest{PackageName: name, Record: forged}.AppendJSON(nil)
}

// prepareForgedKeys: records with very many keys and a wrong signature.
func prepareForgedKeys(context.Context, *attacks) (func(context.Context, *attacker), error) {
	key, name, err := newPackage("forged")
	if err != nil {
		return nil, err
	}
	entries := append([]protocol.PackageEntry{initEntry(key)}, grantEntries(publicKeys(forgedKeys))...)
	return repeat("forged record", api.PublishRecordPath(name.LogID()), forge(key, name, "", entries...)), nil
}

// newPackage makes up a package and its owner.
func newPackage(text string) (key protocol.PrivateKey, name protocol.PackageName, err error) {
	if key, err = protocol.GeneratePrivateKey(); err != nil {
		return key, name, err
	}
	name, err = protocol.ParsePackageName(namespace + ":" + text)
	return key, name, err
}

// repeat is to send the same again and again.
func repeat(kind, path string, body []byte) func(context.Context, *attacker) {
	return func(ctx context.Context, a *attacker) {
		for ctx.Err() == nil {
			a.send(ctx, kind, path, body)
		}
	}
}

// prepareManyKeys: a package with as many keys as the registry takes. Then one
// attacker posts small records to it, the others such with a wrong signature.
func prepareManyKeys(ctx context.Context, a *attacks) (func(context.Context, *attacker), error) {
	key, name, err := newPackage("many-keys")
	if err != nil {
		return nil, err
	}
	first := newRecord(key, name, "", initEntry(key))
	if err := a.prepareAll(ctx, []record{first}); err != nil {
		return nil, err
	}
	head, last := first.id.Any(), first
	keys := publicKeys(manyKeys)
	for granted := 0; granted < len(keys); granted += grantsARecord {
		next := newRecord(key, name, head, grantEntries(keys[granted:min(len(keys), granted+grantsARecord)])...)
		var refused *statusError
		if err := a.post(ctx, &next); errors.As(err, &refused) {
			break
		} else if err != nil {
			return nil, err
		}
		head, last = next.id.Any(), next
	}
	if err := a.waitPublished(ctx, &last); err != nil {
		return nil, err
	}
	forged := repeat("forged record", first.postPath, forge(key, name, head, grantEntries(keys[:1])...))
	return func(ctx context.Context, a *attacker) {
		if a.number > 0 {
			forged(ctx, a)
			return
		}
		for ctx.Err() == nil {
			next := newRecord(key, name, head, grantEntries(keys[:1])...)
			if a.send(ctx, "small record", next.postPath, next.body) == http.StatusAccepted {
				head = next.id.Any()
			}
		}
	}, nil
}

// prepareWaiting: small records that wait for content which never comes, each in
// a package of its own.
func prepareWaiting(context.Context, *attacks) (func(context.Context, *attacker), error) {
	return func(ctx context.Context, a *attacker) {
		for n := 0; ctx.Err() == nil; n++ {
			a.waitWithGrants(ctx, a.ownPackage(n), nil)
		}
	}, nil
}

// prepareGrants: records that wait for content which never comes, and behind each
// as many records as the registry takes, of as many grants as it takes.
func prepareGrants(context.Context, *attacks) (func(context.Context, *attacker), error) {
	keys := publicKeys(grantsChain * grantsARecord)
	return func(ctx context.Context, a *attacker) {
		for n := 0; ctx.Err() == nil; n++ {
			a.waitWithGrants(ctx, a.ownPackage(n), keys)
		}
	}, nil
}

func (a *attacker) waitWithGrants(ctx context.Context, name protocol.PackageName, keys []protocol.PublicKey) {
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		return
	}
	missing := fmt.Appendf(nil, "never sent for %s", name)
	next := newRecord(key, name, "", initEntry(key), releaseOf("1.0.0", missing))
	kind := "record without content"
	for ; ; keys = keys[grantsARecord:] {
		if a.send(ctx, kind, next.postPath, next.body) != http.StatusAccepted || len(keys) == 0 {
			return
		}
		next, kind = newRecord(key, name, next.id.Any(), grantEntries(keys[:grantsARecord])...), "record of 999 grants behind it"
	}
}
