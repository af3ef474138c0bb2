package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/warg-trillian/warg-trillian/warg/api"
	wargclient "github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// ownContentSize is the size of contents that are published one for each package, in bytes.
const ownContentSize = 16 << 10

// largeContent is content that is large in one way.
type largeContent struct {
	name, what string
	bytes      []byte
}

// largeContents are the ways in which WebAssembly is large, size bytes each or nearly.
func largeContents(size int) []largeContent {
	return []largeContent{
		{"custom", "a custom section", customOf(size)},
		{"data", "data", dataOf(size)},
		{"code", "code", codeOf(size)},
	}
}

// customOf is a component of a custom section, of so many bytes in all.
func customOf(size int) []byte {
	section := append([]byte{6}, "filler"...)
	section = append(section, make([]byte, size-len(section)-13)...)
	return sections("\x00asm\x0d\x00\x01\x00", 0, section)
}

// dataOf is a module of one segment of data.
func dataOf(size int) []byte {
	segment := binary.AppendUvarint([]byte{1, 0, 0x41, 0, 0x0b}, uint64(size)) // (i32.const 0)
	return sections("\x00asm\x01\x00\x00\x00", 5, []byte{1, 0, 1}, 11, append(segment, make([]byte, size)...))
}

// codeOf is a module of functions of 64 KiB.
func codeOf(size int) []byte {
	const function = 64 << 10
	n := uint64(size / function)
	instructions := bytes.Repeat([]byte{0x41, 0x2a, 0x1a}, function/3) // i32.const 42; drop
	body := slices.Concat(binary.AppendUvarint(nil, uint64(len(instructions)+2)), []byte{0}, instructions, []byte{0x0b})
	count := binary.AppendUvarint(nil, n)
	return sections("\x00asm\x01\x00\x00\x00",
		1, []byte{1, 0x60, 0, 0}, // one type: no parameters, no results
		3, slices.Concat(count, make([]byte, n)),
		10, slices.Concat(count, bytes.Repeat(body, int(n))))
}

// sections are a header and pairs of an id and a body.
func sections(header string, pairs ...any) []byte {
	all := []byte(header)
	for i := 0; i < len(pairs); i += 2 {
		body := pairs[i+1].([]byte)
		all = binary.AppendUvarint(append(all, byte(pairs[i].(int))), uint64(len(body)))
		all = append(all, body...)
	}
	return all
}

// publishContent publishes a package of one release, whose content this is.
func publishContent(ctx context.Context, srv *server, pkg string, wasm []byte) (protocol.Hash, error) {
	content := wargclient.ContentOfBytes(wasm)
	c, err := wargclient.New(srv.base, wargclient.Options{})
	if err != nil {
		return content.Digest, err
	}
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		return content.Digest, err
	}
	name, err := protocol.ParsePackageName(pkg)
	if err != nil {
		return content.Digest, err
	}
	_, err = c.Publish(ctx, name, key, []wargclient.Content{content}, wargclient.Init(key.Public()), wargclient.Release("1.0.0", content.Digest))
	return content.Digest, err
}

// loadContents publishes packages that bring a content each, and returns how long it took
// until all are published. Records and contents are made before.
func (c *client) loadContents(ctx context.Context, packages, publishers int) (time.Duration, error) {
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		return 0, err
	}
	records, contents := make([]record, packages), make([][]byte, packages)
	for i := range records {
		name, err := protocol.ParsePackageName(fmt.Sprintf("%s:own%d", namespace, i))
		if err != nil {
			return 0, err
		}
		contents[i] = customOf(ownContentSize)
		copy(contents[i][ownContentSize-16:], fmt.Sprint(i)) // another content
		release := protocol.PackageEntry{Type: protocol.EntryRelease, Version: "1.0.0", Content: protocol.HashOf(contents[i]).Any()}
		records[i] = newRecord(key, name, "", initEntry(key), release)
	}
	before, err := c.checkpoint(ctx)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	group, groupCtx := errgroup.WithContext(ctx)
	for p := range publishers {
		group.Go(func() error {
			for i := p; i < packages; i += publishers {
				if err := c.post(groupCtx, &records[i]); err != nil {
					return err
				}
				path := api.UploadContentPath(records[i].logID, records[i].id, protocol.HashOf(contents[i]))
				if _, err := c.do(groupCtx, http.MethodPost, path, contents[i], http.StatusCreated); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	err = c.waitForLength(ctx, before.Contents.LogLength+uint64(packages))
	return time.Since(start), err
}
