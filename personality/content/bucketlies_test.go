package content

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// lyingObjects is a bucket in memory that does not do all that it says it did.
type lyingObjects struct {
	mu      sync.Mutex
	objects map[string]string

	forgets   bool   // what is written
	keeps     bool   // what is removed
	truncates bool   // what is written
	answers   string // to all that is read, as another web server does; ""
}

func (l *lyingObjects) Name() string { return "mem://lies" }

func (l *lyingObjects) get(key string) (string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.answers != "" {
		return l.answers, true
	}
	text, ok := l.objects[key]
	return text, ok
}

func (l *lyingObjects) Stat(_ context.Context, key string) (Object, error) {
	text, ok := l.get(key)
	if !ok {
		return Object{}, fs.ErrNotExist
	}
	return Object{Key: key, Size: int64(len(text)), ModTime: time.Now()}, nil
}

func (l *lyingObjects) Read(_ context.Context, key string, offset int64) (io.ReadCloser, error) {
	text, ok := l.get(key)
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(strings.NewReader(text[offset:])), nil
}

func (l *lyingObjects) Write(_ context.Context, key string, r io.Reader) error {
	var text bytes.Buffer
	if _, err := text.ReadFrom(r); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.forgets:
	case l.truncates:
		l.objects[key] = text.String()[:text.Len()/2]
	default:
		l.objects[key] = text.String()
	}
	return nil
}

func (l *lyingObjects) Remove(_ context.Context, key string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.keeps {
		delete(l.objects, key)
	}
	return nil
}

func (l *lyingObjects) List(_ context.Context, prefix string, each func(Object) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key := range l.objects {
		if strings.HasPrefix(key, prefix) {
			if err := each(Object{Key: key}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *lyingObjects) Copy(context.Context, string, string) error { return errors.ErrUnsupported }
func (l *lyingObjects) Sign(context.Context, string, string, time.Duration) (string, error) {
	return "", errors.ErrUnsupported
}
func (l *lyingObjects) Close() error { return nil }

// isLie reports whether err blames the bucket, in words for clients.
func isLie(err error) bool {
	away, ok := errors.AsType[*UnavailableError](err)
	return ok && away.Bucket == "mem://lies" && strings.Contains(away.Reason(), "does not keep what it is given")
}

// A bucket that says that all went well, and does otherwise, is not used, and not ready.
func TestBucketThatLies(t *testing.T) {
	spool, _ := newFolder(t, 0)
	for what, lies := range map[string]*lyingObjects{
		"forgets what is written": {forgets: true}, "keeps what is removed": {keeps: true},
		"truncates": {truncates: true}, "answers the same to all": {answers: "<html>welcome</html>"},
	} {
		lies.objects = map[string]string{}
		if _, err := OpenBucket(t.Context(), lies, spool, BucketOptions{}); !isLie(err) {
			t.Errorf("a bucket that %s: %v", what, err)
		}
	}
	honest := &lyingObjects{objects: map[string]string{}}
	b, err := OpenBucket(t.Context(), honest, spool, BucketOptions{})
	if err != nil || len(honest.objects) != 0 {
		t.Fatalf("%v; left: %v", err, honest.objects)
	}
	for what, begin := range map[string]func(){
		"forgets":   func() { honest.forgets, honest.truncates = true, false },
		"truncates": func() { honest.forgets, honest.truncates = false, true },
	} {
		begin()
		if _, err := b.Put(t.Context(), protocol.HashOf([]byte(what)), strings.NewReader(what), nil); !isLie(err) {
			t.Errorf("Put into a bucket that %s: %v", what, err)
		}
	}
}

// An object that lost its bytes is no content, and can be stored again.
func TestEmptiedObject(t *testing.T) {
	spool, _ := newFolder(t, 0)
	objects := &lyingObjects{objects: map[string]string{}}
	b, err := OpenBucket(t.Context(), objects, spool, BucketOptions{})
	if err != nil {
		t.Fatal(err)
	}
	digest := protocol.HashOf([]byte("data"))
	objects.objects[contentKey(digest)] = ""
	if has, err := b.Has(t.Context(), digest); err != nil || has {
		t.Errorf("Has: %v, %v", has, err)
	}
	if _, err := b.Open(t.Context(), digest); !errors.Is(err, ErrNotFound) {
		t.Errorf("Open: %v", err)
	}
	if _, err := b.Put(t.Context(), digest, strings.NewReader("data"), nil); err != nil {
		t.Fatal(err)
	}
	if has, err := b.Has(t.Context(), digest); err != nil || !has {
		t.Errorf("stored again: %v, %v", has, err)
	}
}
