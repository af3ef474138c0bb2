package describe

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/tools"
	"github.com/warg-trillian/warg-trillian/personality/content"
)

// benchmarked are the contents to measure with: a module of optimised Rust, a WIT package
// and, if `make tools` has them, real ones.
func benchmarked(b *testing.B) map[string][]byte {
	b.Helper()
	read := func(path string) []byte {
		content, err := os.ReadFile(path)
		if err != nil {
			b.Logf("left out: %v", err)
		}
		return content
	}
	contents := map[string][]byte{
		"module":  read("../content/validator/validator.wasm"),
		"package": sample(b, "wit-package"),
		"tiny":    sample(b, "docs"),
	}
	top, err := tools.Top()
	if err != nil {
		b.Fatal(err)
	}
	samples := filepath.Join(top, ".cache", "tools", "wasm-samples")
	for name, path := range map[string]string{
		"component":     "components/oci-wasm.wasm",
		"small":         "components/hello.wasm",
		"large-package": "wit/oci-wasm.wasm",
		"large-module":  "modules/esbuild-wasm-package-esbuild.wasm",
	} {
		if content := read(filepath.Join(samples, path)); content != nil {
			contents[name] = content
		}
	}
	return contents
}

// BenchmarkBoth measures what describing takes beside validation, which it begins with.
func BenchmarkBoth(b *testing.B) {
	d := newDescriber(b)
	for name, measured := range benchmarked(b) {
		r, size := bytes.NewReader(measured), int64(len(measured))
		for _, step := range []struct {
			name string
			run  func() error
		}{
			{"validate", func() error { return d.sandbox.(*content.WasmPolicy).Check(b.Context(), r, size) }},
			{"apart", func() error { // validated and described by two instances
				if err := d.sandbox.(*content.WasmPolicy).Check(b.Context(), r, size); err != nil {
					return err
				}
				_, err := d.sandbox.(*content.WasmPolicy).Describe(b.Context(), r, size)
				return err
			}},
			{"describe", func() error { _, err := d.Describe(b.Context(), r, size); return err }},
			{"both", func() error { _, err := d.Both(b.Context(), r, size); return err }},
		} {
			b.Run(name+"/"+step.name, func(b *testing.B) {
				b.SetBytes(size)
				b.ReportAllocs()
				for b.Loop() {
					if err := step.run(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
