package oci_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/cache"
	"github.com/warg-trillian/warg-trillian/personality/oci"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// large is the reading part of a registry with one package of many releases, in memory.
type large struct {
	oci.Reader
	log     reader.FetchLogsResponse
	opening chan struct{} // nil, or what each opening of a content waits for
}

func newLarge(b testing.TB, count int) *large {
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		b.Fatal(err)
	}
	name, _ := protocol.ParsePackageName("example:large")
	log := reader.PackageRecords{LogID: name.LogID()}
	for i := range count {
		record := protocol.PackageRecord{Time: protocol.TimeOf(time.Now()), Entries: []protocol.PackageEntry{
			{Type: protocol.EntryRelease, Version: fmt.Sprintf("1.0.%d", i), Content: protocol.HashOf([]byte(fmt.Sprint(i))).Any()},
		}}
		envelope := record.Sign(key)
		log.Records = append(log.Records, reader.PublishedRecord{RecordID: protocol.PackageRecordID(envelope.Content), Envelope: envelope, RegistryIndex: uint64(i)})
	}
	return &large{log: reader.FetchLogsResponse{Packages: []reader.PackageRecords{log}}}
}

func (l *large) LatestCheckpoint(context.Context) (c protocol.SignedCheckpoint, err error) { return }

func (l *large) FetchLogs(_ context.Context, q reader.FetchLogsRequest) (reader.FetchLogsResponse, error) {
	if q.Packages[0].FetchToken != "" {
		return reader.FetchLogsResponse{Packages: []reader.PackageRecords{{LogID: l.log.Packages[0].LogID}}}, nil
	}
	return l.log, nil
}

func (l *large) OpenContent(context.Context, protocol.Hash) (io.ReadSeekCloser, time.Time, error) {
	if l.opening != nil {
		<-l.opening
	}
	return nopCloser{bytes.NewReader([]byte("\x00asm\x0d\x00\x01\x00"))}, time.Time{}, nil
}

func (l *large) ListedProof(context.Context, protocol.PackageName, protocol.Hash) (p reader.ListedProof, ok bool, err error) {
	return p, false, nil
}

type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }

// BenchmarkLargePackage asks for a package of 10,000 releases: cold, by a process that
// knows nothing of it, and warm.
func BenchmarkLargePackage(b *testing.B) {
	l := newLarge(b, 10_000)
	for what, path := range map[string]string{
		"tags":           "tags/list",
		"by tag":         "manifests/1.0.5000",
		"unknown digest": "manifests/" + protocol.HashOf(nil).String(),
	} {
		request := httptest.NewRequest("GET", "/v2/example/large/"+path, nil)
		b.Run(what+"/cold", func(b *testing.B) {
			for b.Loop() {
				oci.New(l, oci.Options{Cache: cache.New(64 << 20)}).Answer(request)
			}
		})
		b.Run(what+"/warm", func(b *testing.B) {
			g := oci.New(l, oci.Options{Cache: cache.New(64 << 20)})
			g.Answer(request)
			for b.Loop() {
				g.Answer(request)
			}
		})
	}
}

// Those who ask for digests of a large package at the same time wait for one another, and
// no longer than they like; what one has found out the others need not.
func TestManyImagesAtATime(t *testing.T) {
	l := newLarge(t, 1000)
	l.opening = make(chan struct{})
	g := oci.New(l, oci.Options{Cache: cache.New(64 << 20)})
	request := httptest.NewRequest("GET", "/v2/example/large/manifests/"+protocol.HashOf(nil).String(), nil)
	ask := func(ctx context.Context) <-chan error {
		answered := make(chan error, 1)
		go func() {
			_, err := g.Answer(request.WithContext(ctx))
			answered <- err
		}()
		return answered
	}
	first := ask(context.Background())
	l.opening <- struct{}{} // it is at work
	impatient, cancel := context.WithCancel(context.Background())
	second, third := ask(impatient), ask(context.Background())
	cancel()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("whoever does not wait gets %v", err)
	}
	for opened := 1; opened < 1000; opened++ {
		l.opening <- struct{}{}
	}
	for _, answered := range []<-chan error{first, third} {
		if p, ok := oci.ProblemOf(<-answered); !ok || p.Code != "MANIFEST_UNKNOWN" {
			t.Errorf("problem %v", p)
		}
	}
	select {
	case l.opening <- struct{}{}:
		t.Error("a content was read again")
	default:
	}
}
