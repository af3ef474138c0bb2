package describe

import (
	"bytes"
	"compress/zlib"
	"context"
	"embed"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// The text of these is in the .wat files beside them, of which `wasm-tools parse` 1.261.0
// makes them (integration/describe_test.go compares).
//
//go:embed testdata/*.wasm
var testdata embed.FS

func sample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := testdata.ReadFile("testdata/" + name + ".wasm")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What follows encodes WebAssembly by hand, as the specification's chapter on the binary
// format says.

const (
	emptyModule    = "\x00asm\x01\x00\x00\x00"
	emptyComponent = "\x00asm\x0d\x00\x01\x00"
)

func leb(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func text(s string) []byte { return append(leb(len(s)), s...) }

func section(id byte, content ...[]byte) []byte {
	body := slices.Concat(content...)
	return slices.Concat([]byte{id}, leb(len(body)), body)
}

func custom(name string, data string) []byte { return section(0, text(name), []byte(data)) }

func module(sections ...[]byte) []byte {
	return slices.Concat([]byte(emptyModule), slices.Concat(sections...))
}

func component(sections ...[]byte) []byte {
	return slices.Concat([]byte(emptyComponent), slices.Concat(sections...))
}

// nested is a section with a component in it.
func nested(c []byte) []byte { return section(4, c) }

func deflate(t testing.TB, data []byte) string {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// cacheDir spares each test the compilation of the sandbox.
var cacheDir = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "describe-cache-") })

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := cacheDir(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

func newDescriber(t testing.TB) *Describer {
	t.Helper()
	dir, err := cacheDir()
	if err != nil {
		t.Fatal(err)
	}
	p, err := content.NewWasmPolicy(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return New(p)
}

// both describes b, which must not be an error.
func both(t testing.TB, d *Describer, b []byte) Contents {
	t.Helper()
	c, err := d.Both(t.Context(), bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// countingReader counts the bytes that are read.
type countingReader struct {
	io.ReaderAt
	read int64
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.read += int64(n)
	return n, err
}

// describeUnchecked and witUnchecked are Describe and WIT of content that was not validated.
func describeUnchecked(d *Describer, ctx context.Context, f io.ReaderAt, size int64) (discovery.Description, error) {
	answer, err := d.sandbox.(*content.WasmPolicy).Describe(ctx, f, size)
	i := content.Inspection{Description: content.Answer{JSON: answer}}
	if errors.As(err, &i.Description.None) {
		err = nil
	}
	return described(size, i, err)
}

func witUnchecked(d *Describer, ctx context.Context, f io.ReaderAt, size int64) (discovery.WIT, error) {
	answer, err := d.sandbox.(*content.WasmPolicy).WIT(ctx, f, size)
	i := content.Inspection{WIT: content.Answer{JSON: answer}}
	if err != nil && !errors.As(err, &i.WIT.None) {
		return discovery.WIT{}, err
	}
	return witOf(i)
}
