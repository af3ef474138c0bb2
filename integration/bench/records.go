package main

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// wasm is the content of every release: the smallest WebAssembly module.
var wasm = []byte("\x00asm\x01\x00\x00\x00")

// record is a signed record, ready to be posted.
type record struct {
	key      protocol.PrivateKey
	name     protocol.PackageName
	logID    protocol.Hash
	id       protocol.Hash
	postPath string
	body     []byte
	leafSize int // bytes of its leaf in Trillian, extra data included
}

// newRecord signs a record that follows prev (empty for the first) in the log of
// a package.
func newRecord(key protocol.PrivateKey, name protocol.PackageName, prev protocol.AnyHash, entries ...protocol.PackageEntry) record {
	content := protocol.PackageRecord{Prev: prev, Time: protocol.TimeOf(time.Now()), Entries: entries}
	envelope := content.Sign(key)
	logID := name.LogID()
	return record{
		key: key, name: name, logID: logID, id: protocol.PackageRecordID(envelope.Content),
		postPath: api.PublishRecordPath(logID),
		body:     api.PublishRecordRequest{PackageName: name, Record: envelope}.AppendJSON(nil),
		leafSize: len(protocol.LogLeaf{}.Encode()) + len(name.String()) + len(envelope.MarshalProto()),
	}
}

func initEntry(key protocol.PrivateKey) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryInit, Key: key.Public()}
}

func releaseEntry(version string) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryRelease, Version: version, Content: protocol.HashOf(wasm).Any()}
}

// newPackages signs the first records of n packages, each with an init and a
// release. Each publisher has a key of its own.
func newPackages(prefix string, n, publishers int) ([]record, error) {
	keys := make([]protocol.PrivateKey, publishers)
	for i := range keys {
		var err error
		if keys[i], err = protocol.GeneratePrivateKey(); err != nil {
			return nil, err
		}
	}
	records := make([]record, n)
	var group errgroup.Group
	workers := runtime.NumCPU()
	for w := range workers {
		group.Go(func() error {
			for i := w; i < n; i += workers {
				name, err := protocol.ParsePackageName(fmt.Sprintf("%s:%s%d", namespace, prefix, i))
				if err != nil {
					return err
				}
				key := keys[i%publishers]
				records[i] = newRecord(key, name, "", initEntry(key), releaseEntry("1.0.0"))
			}
			return nil
		})
	}
	return records, group.Wait()
}

// postAll posts records, publisher after publisher taking its share, as fast as
// the server answers.
func (c *client) postAll(ctx context.Context, records []record, publishers int) error {
	group, ctx := errgroup.WithContext(ctx)
	for p := range publishers {
		group.Go(func() error {
			for i := p; i < len(records); i += publishers {
				if err := c.post(ctx, &records[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// provideContent publishes a package whose release brings the content that all
// others use.
func (c *client) provideContent(ctx context.Context) error {
	first, err := newPackages("content", 1, 1)
	if err != nil {
		return err
	}
	r := &first[0]
	if err := c.post(ctx, r); err != nil {
		return err
	}
	path := api.UploadContentPath(r.logID, r.id, protocol.HashOf(wasm))
	if _, err := c.do(ctx, "POST", path, wasm, http.StatusCreated); err != nil {
		return err
	}
	return c.waitPublished(ctx, r)
}
