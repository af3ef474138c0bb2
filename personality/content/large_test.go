package content

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// largeBytes is more than the validator wants to have of a section at once.
const largeBytes = 400_000

// largeCustom is a custom section of many bytes, with a name of the given length.
func largeCustom(name int) []byte {
	return section(custom, leb(name), bytes.Repeat([]byte{'x'}, name), make([]byte, largeBytes))
}

// segmentsOf is a data section with segments of these sizes, of all three kinds.
func segmentsOf(sizes ...int) []byte {
	beginnings := [][]byte{
		{0, 0x41, 0x80, 0x01, 0x0b},             // (i32.const 128)
		{1},                                     // passive
		{2, 0, 0x41, 5, 0x41, 6, 0x6a, 0x0b},    // (memory 0) (i32.add (i32.const 5) (i32.const 6))
		{0, 0x41, 0x80, 0x80, 0x80, 0x00, 0x0b}, // a number with a byte more than it needs
	}
	var segments [][]byte
	for i, size := range sizes {
		segments = append(segments, slices.Concat(beginnings[i%len(beginnings)], leb(size), bytes.Repeat([]byte{0x0b}, size)))
	}
	return vector(data, segments...)
}

var oneMemory = vector(memories, []byte{0, 1})

// largeSamples are valid, and have sections that are not in memory as a whole.
func largeSamples() map[string][]byte {
	mixed := module(largeCustom(4), oneMemory, largeCustom(0), segmentsOf(500_000, 3, 300_000, 10), largeCustom(100_000))
	samples := map[string][]byte{
		"custom and data":    mixed,
		"with a data count":  module(oneMemory, section(12, leb(4)), segmentsOf(100, largeBytes, largeBytes, 0)),
		"many segments":      module(oneMemory, segmentsOf(slices.Repeat([]int{40}, 9000)...), section(custom, []byte("\x01x"))),
		"nested":             componentOf(largeCustom(1), section(coreModule, mixed), section(component, componentOf(largeCustom(2))), largeCustom(3)),
		"behind code":        slices.Concat(manyFunctions(10_000), largeCustom(9)),
		"a long expression":  module(oneMemory, section(data, leb(1), []byte{0, 0x41, 0}, bytes.Repeat([]byte{0x41, 0, 0x6a}, 100_000), []byte{0x0b}, leb(largeBytes), make([]byte, largeBytes))),
		"a long size of one": module(slices.Concat([]byte{custom, 0xc0, 0xa6, 0x98, 0x80, 0x00, 0}, make([]byte, 398_143))),
	}
	// Whatever is left over behind pieces of 64 KiB.
	for n := range 20 {
		samples[fmt.Sprint("remainder ", n)] = module(section(custom, []byte{1, 'x'}, make([]byte, 5<<16-15+n)))
	}
	return samples
}

func TestLargeSections(t *testing.T) {
	p := newPolicy(t)
	for name, sample := range largeSamples() {
		if err := checkBytes(t.Context(), p, sample); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The messages are those of a validator that has the whole section, which gave them.
func TestInvalidLargeSections(t *testing.T) {
	zeros := make([]byte, 300_000)
	body := func(n int, segment ...byte) []byte { return slices.Concat(leb(n), segment, leb(len(zeros)), zeros) }
	active := []byte{0, 0x41, 0, 0x0b}
	two := segmentsOf(largeBytes, largeBytes)
	p := newPolicy(t)
	for _, sample := range []struct {
		message string
		bytes   []byte
	}{
		{"invalid flags byte in data segment (at offset 0x493f9)", module(oneMemory, section(data, body(3, active...), []byte{9, 9, 9, 9}))},
		{"section size mismatch: unexpected data at the end of the section (at offset 0x493f9)", module(oneMemory, section(data, body(1, active...), []byte{9, 9, 9, 9}))},
		{"unexpected end-of-file (at offset 0x19)", module(oneMemory, section(data, leb(1), active, leb(largeBytes), zeros))},
		{"type mismatch: expected i32, found i64 (at offset 0x15)", module(oneMemory, section(data, body(1, 0, 0x42, 0, 0x0b)))},
		{"unknown memory 1: memory index out of bounds (at offset 0x493f9)", module(oneMemory, section(data, body(2, active...), []byte{2, 1, 0x41, 0, 0x0b, 0}))},
		{"data count and data section have inconsistent lengths (at offset 0xc3521)", module(oneMemory, section(12, leb(5)), two, largeCustom(4))},
		{"unknown memory 0: memory index out of bounds (at offset 0xd)", module(two)},
		{"section out of order (at offset 0xc3522)", module(oneMemory, two, two)},
		{"data segments count exceeds limit of 100000 (at offset 0x11)", module(oneMemory, section(data, leb(100_001), zeros))},
		{"string size out of bounds (at offset 0xe)", module(section(custom, leb(100_001), bytes.Repeat([]byte{'a'}, largeBytes)))},
		{"malformed UTF-8 encoding (at offset 0x186ae)", module(section(custom, leb(100_000), bytes.Repeat([]byte{0xff}, 500_000)))},
		{"section too large, 400005 goes past 0x493ec (at offset 0x15)", componentOf(section(coreModule, module(largeCustom(4))[:300_000]), largeCustom(4))},
		{"section too large, 400009 goes past 0x493ec (at offset 0x1a)", componentOf(section(coreModule, module(oneMemory, segmentsOf(largeBytes))[:300_000]), largeCustom(4))},
	} {
		err := checkBytes(t.Context(), p, sample.bytes)
		var rejected *RejectedError
		if !errors.As(err, &rejected) || rejected.Reason != "content is not valid WebAssembly: "+sample.message {
			t.Errorf("got %v\nwant %s", err, sample.message)
		}
	}
}

// Damage to large sections ends in a verdict, too, and damage to what is not looked at in
// none.
func TestDamagedLargeSections(t *testing.T) {
	p := newPolicy(t)
	random := rand.New(rand.NewPCG(1, 2))
	for name, sample := range largeSamples() {
		if strings.HasPrefix(name, "remainder") {
			continue
		}
		for range 15 {
			damaged := slices.Clone(sample)
			damaged[random.IntN(100)] = byte(random.Uint32())
			verdict(t, p, name, damaged[:len(damaged)-random.IntN(2)*random.IntN(len(damaged))])
		}
	}
	whole := module(oneMemory, segmentsOf(largeBytes), largeCustom(4))
	for _, at := range []int{100, 1000, largeBytes / 2, len(whole) - 1, len(whole) - largeBytes/2} {
		damaged := slices.Clone(whole)
		damaged[at] ^= 0xff
		if !verdict(t, p, "what is not looked at", damaged) {
			t.Errorf("a module with another byte at %d is not valid", at)
		}
	}
}

// Content of 100 MiB is validated in the least memory that a check gets, if its size is in
// what compilers make large: data, code and custom sections.
func TestLargeContentTakesLittleMemory(t *testing.T) {
	const size = 100 << 20
	p := newPolicy(t)
	<-p.compiled
	for name, sample := range map[string]*pieces{
		"custom section": piecesOf(emptyModule, []byte{custom}, leb(size+1), []byte{0}, size),
		"data":           piecesOf(emptyModule, oneMemory, []byte{data}, leb(size+9), []byte{1, 0, 0x41, 0, 0x0b}, leb(size), size),
		"nested in a component": piecesOf(emptyComponent, []byte{coreModule}, leb(size+14), emptyModule, []byte{custom}, leb(size+1), []byte{0}, size,
			[]byte{custom}, leb(size+1), []byte{0}, size),
		"code": manyBodies(size),
	} {
		w := p.work(t.Context(), sample.size)
		if _, err := p.askIn(t.Context(), []question{isValid}, p.large, smallMemory, sample, w); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An upload passes through the server in pieces, its check included: all that is allocated
// for it is little, so that no collection of garbage has to come in time.
func TestLargeUploadTakesLittleMemory(t *testing.T) {
	const size, atMost = 100 << 20, 2 << 20 // bytes
	p := newPolicy(t)
	<-p.compiled
	folder, err := OpenFolder(t.TempDir(), FolderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sample := piecesOf(emptyComponent, []byte{custom}, leb(size+1), []byte{0}, size)
	read := func() io.Reader { return io.NewSectionReader(sample, 0, sample.size) }
	h := sha256.New()
	if _, err := io.Copy(h, read()); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if n, err := folder.Put(t.Context(), protocol.Hash(h.Sum(nil)), read(), p.Check); err != nil || n != sample.size {
		t.Fatal(n, err)
	}
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > atMost {
		t.Errorf("%d bytes were allocated, want at most %d", allocated, atMost)
	} else {
		t.Logf("%d KiB were allocated", allocated>>10)
	}
}

// manyBodies is a module of about size bytes of code, in as many functions as wasmparser
// takes or less.
func manyBodies(size int) *pieces {
	const functionsOf = 1 << 16
	n := size / functionsOf
	instructions := slices.Concat(bytes.Repeat([]byte{0x41, 0x2a, 0x1a}, functionsOf/3), []byte{0x0b}) // i32.const 42; drop
	body := slices.Concat(leb(len(instructions)+1), []byte{0}, instructions)
	content := []any{
		emptyModule, vector(types, []byte{0x60, 0, 0}), vector(functions, slices.Repeat([][]byte{{0}}, n)...),
		[]byte{code}, leb(len(leb(n)) + n*len(body)), leb(n),
	}
	for range n {
		content = append(content, body)
	}
	return piecesOf(content...)
}

// pieces reads content that is not in memory: of its pieces a number is so many zeros.
type pieces struct {
	parts []io.ReaderAt
	sizes []int64
	size  int64 // bytes
}

func piecesOf(parts ...any) *pieces {
	p := &pieces{}
	for _, part := range parts {
		switch part := part.(type) {
		case []byte:
			p.parts, p.sizes = append(p.parts, bytes.NewReader(part)), append(p.sizes, int64(len(part)))
		case int:
			p.parts, p.sizes = append(p.parts, zeros{}), append(p.sizes, int64(part))
		}
		p.size += p.sizes[len(p.sizes)-1]
	}
	return p
}

func (p *pieces) ReadAt(b []byte, at int64) (n int, err error) {
	for i, part := range p.parts {
		if at < p.sizes[i] && n < len(b) {
			some := min(int64(len(b)-n), p.sizes[i]-at)
			if _, err := part.ReadAt(b[n:n+int(some)], at); err != nil && err != io.EOF {
				return n, err
			}
			n += int(some)
			at = p.sizes[i]
		}
		at -= p.sizes[i]
	}
	if n < len(b) {
		err = io.EOF
	}
	return n, err
}

type zeros struct{}

func (zeros) ReadAt(b []byte, _ int64) (int, error) {
	clear(b)
	return len(b), nil
}
