package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// exampleRegistry is the URL of a registry that serves the namespace "example",
// and its operator's public key.
func exampleRegistry() (url string, operator protocol.PublicKey) {
	r, err := shared()
	if err != nil {
		log.Fatal(err)
	}
	return r.url, r.key.Public()
}

// Publish a package with a release, find the release, and download its content.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	url, _ := exampleRegistry()
	c, err := client.New(url, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	name, err := protocol.ParsePackageName("example:hello")
	if err != nil {
		log.Fatal(err)
	}
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		log.Fatal(err)
	}

	// This registry takes any content (--content-policy none); one as it comes takes
	// valid WebAssembly only.
	content := client.ContentOfBytes([]byte("hello, component"))
	if _, err := c.Publish(ctx, name, key, []client.Content{content},
		client.Init(key.Public()),
		client.Release("1.2.0", content.Digest)); err != nil {
		log.Fatal(err)
	}

	release, err := c.Resolve(ctx, name, "^1.0")
	if err != nil {
		log.Fatal(err)
	}
	digest, err := release.Content.Hash()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(release.Version)
	if _, err := c.DownloadTo(ctx, digest, os.Stdout); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 1.2.0
	// hello, component
}

// A client that pins the operator's key and remembers in a folder, from one run
// of a program to the next, can not be shown another registry, or an older state
// of this one.
func ExampleOpenFolder() {
	url, operator := exampleRegistry()
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	store, err := client.OpenFolder(filepath.Join(dir, "registry"))
	if err != nil {
		log.Fatal(err)
	}
	c, err := client.New(url, client.Options{OperatorKey: operator, Store: store})
	if err != nil {
		log.Fatal(err)
	}
	checkpoint, err := c.Checkpoint(context.Background())
	if err != nil {
		log.Fatal(err)
	}

	again, err := client.New(url, client.Options{OperatorKey: operator, Store: store})
	if err != nil {
		log.Fatal(err)
	}
	known, ok, err := again.Remembered(context.Background())
	fmt.Println(ok, known.Contents.LogRoot == checkpoint.Contents.LogRoot, err)
	// Output: true true <nil>
}

// Records may be posted one behind the other without waiting for each.
func ExampleDraft() {
	ctx := context.Background()
	url, _ := exampleRegistry()
	c, err := client.New(url, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	name, err := protocol.ParsePackageName("example:draft")
	if err != nil {
		log.Fatal(err)
	}
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		log.Fatal(err)
	}

	draft, err := c.Draft(ctx, name)
	if err != nil {
		log.Fatal(err)
	}
	content := client.ContentOfBytes([]byte("a component"))
	var last *client.Record
	for _, entry := range []protocol.PackageEntry{
		client.Init(key.Public()),
		client.Release("0.1.0", content.Digest),
		client.Release("0.1.1", content.Digest),
		client.Yank("0.1.0"),
	} {
		if last, err = draft.Sign(key, entry); err != nil {
			log.Fatal(err)
		}
		if err := c.Post(ctx, last, content); err != nil {
			log.Fatal(err)
		}
	}
	p, err := c.Wait(ctx, last)
	if err != nil {
		log.Fatal(err)
	}
	for release := range p.Releases() {
		fmt.Println(release.Version, "yanked:", release.Yank != nil)
	}
	// Output:
	// 0.1.0 yanked: true
	// 0.1.1 yanked: false
}

// Errors say what to do next.
func ExampleVerificationError() {
	url, _ := exampleRegistry()
	stranger, err := protocol.GeneratePrivateKey()
	if err != nil {
		log.Fatal(err)
	}
	c, err := client.New(url, client.Options{OperatorKey: stranger.Public()})
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.Checkpoint(context.Background())

	var lie *client.VerificationError
	var refusal *client.APIError
	var silence *client.TransportError
	switch {
	case errors.As(err, &lie):
		fmt.Println("do not use this registry:", lie.Claim)
	case errors.As(err, &refusal) && refusal.RetryAfter > 0:
		fmt.Println("come back in", refusal.RetryAfter)
	case errors.As(err, &silence):
		fmt.Println("no answer:", silence.Err)
	}
	// Output: do not use this registry: operator key
}

// The packages of some namespaces are in another registry, which the operator
// log names.
func ExampleImportedNamespaceError() {
	url, _ := exampleRegistry()
	c, err := client.New(url, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	name, err := protocol.ParsePackageName("elsewhere:tool")
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.Package(context.Background(), name)

	var imported *client.ImportedNamespaceError
	if errors.As(err, &imported) {
		fmt.Println("ask", imported.Registry)
	}
	// Output: ask registry.example.org
}
