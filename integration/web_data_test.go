package integration

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// described is a component as authors publish it: with interfaces, and what it says of
// itself.
type described struct {
	imports, exports []string // interfaces, as "wasi:http/types@0.2.3"
	about            map[string]string
	crates           []string // that it is built from, as "anyhow 1.0.0"
	code             int      // functions of it
}

// bytes encodes the component. Each interface has one function, of two numbers.
func (d described) bytes(t *testing.T) []byte {
	t.Helper()
	b := componentHeader + section(coreModule, moduleHeader+
		vector(coreTypes, coreFunction(2))+
		vector(coreFunctions, strings.Split(strings.Repeat("\x00,", d.code+1), ",")[:d.code+1]...)+
		vector(coreExports, coreExport("run", 0))+
		vector(coreCode, d.functions()...)+
		vector(coreData, "\x01"+name(strings.Repeat("A table that is looked up. ", 20*d.code))))
	for i, name := range d.imports {
		b += vector(types, instanceType("call", function("left", "right"))) + vector(imports, interfaceName(name)+"\x05"+number(i))
	}
	if len(d.exports) > 0 {
		b += vector(coreInstances, "\x00\x00\x00") + vector(aliases, coreAlias(0, "run")) +
			vector(types, function("left", "right")) + vector(canons, lift(0, len(d.imports)))
	}
	for i, exported := range d.exports {
		b += vector(instances, "\x01\x01\x00"+name("call")+"\x01\x00") + // of function 0
			vector(exports, interfaceName(exported)+"\x05"+number(len(d.imports)+2*i)+"\x00") // which is one more instance
	}
	for _, field := range []string{"authors", "description", "licenses", "source", "homepage", "revision", "version"} {
		if text := d.about[field]; text != "" {
			b += section(custom, name(field)+text)
		}
	}
	if len(d.crates) > 0 {
		b += section(custom, name(".dep-v0")+d.audit(t))
	}
	return []byte(b + section(custom, name("producers")+"\x02"+
		name("language")+"\x01"+name("Rust")+name("")+
		name("processed-by")+"\x02"+name("rustc")+name("1.91.0")+name("wit-component")+name("0.244.0")))
}

// coreData is the id of a core module's data section, instances that of a component's.
const coreData, instances = 11, 5

// functions are the code of d.code functions and one more.
func (d described) functions() []string {
	all := make([]string, d.code+1)
	for i := range all {
		all[i] = body(strings.Repeat("\x20\x00\x20\x01\x6a\x1a", i%17) + "\x20\x00\x20\x01\x6a") // local.get 0, local.get 1, i32.add, drop
	}
	return all
}

func interfaceName(s string) string { return "\x00" + name(s) }

// audit is what cargo auditable puts into a binary: zlib over JSON.
func (d described) audit(t *testing.T) string {
	t.Helper()
	type crate struct {
		Name         string `json:"name"`
		Version      string `json:"version"`
		Source       string `json:"source"`
		Dependencies []int  `json:"dependencies,omitempty"`
		Root         bool   `json:"root,omitempty"`
	}
	all := []crate{{Name: "component", Version: "0.1.0", Source: "local", Root: true}}
	for i, text := range d.crates {
		var c crate
		fmt.Sscanf(text, "%s %s", &c.Name, &c.Version)
		c.Source = "crates.io"
		all = append(all, c)
		all[0].Dependencies = append(all[0].Dependencies, i+1)
	}
	text, err := json.Marshal(map[string][]crate{"packages": all})
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	z.Write(text)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.String()
}

// resizer is a component with much to show.
func resizer() described {
	return described{
		imports: []string{
			"wasi:io/poll@0.2.3", "wasi:io/error@0.2.3", "wasi:io/streams@0.2.3", "wasi:http/types@0.2.3", "wasi:http/outgoing-handler@0.2.3",
			"wasi:clocks/monotonic-clock@0.2.3", "wasi:cli/stderr@0.2.3", "wasi:filesystem/types@0.2.3",
		},
		exports: []string{"wasi:http/incoming-handler@0.2.3", "example:image/resize@2.1.0"},
		about: map[string]string{
			"description": "Scales and crops JPEG, PNG and WebP images behind an HTTP endpoint, and keeps what it made in a cache on disk.",
			"authors":     "Ada Lovelace <ada@example.com>", "licenses": "Apache-2.0 OR MIT",
			"source": "https://example.com/source/image-resizer", "homepage": "https://example.com/image-resizer", "revision": "9f2c1b7d0c4a8e6f1122334455667788990aabbc",
		},
		crates: strings.Split("image 0.25.8,jpeg-decoder 0.3.2,png 0.18.0,image-webp 0.2.4,fdeflate 0.3.7,crc32fast 1.5.0,adler2 2.0.1,miniz_oxide 0.8.9,"+
			"bytemuck 1.24.0,byteorder-lite 0.1.0,wit-bindgen 0.46.0,anyhow 1.0.100,serde 1.0.228,serde_json 1.0.145,itoa 1.0.15,memchr 2.7.6", ","),
		code: 400,
	}
}

// webPackages are those that the pages are looked at with.
func webPackages() map[string]described {
	about := func(description, license string) map[string]string {
		return map[string]string{"description": description, "licenses": license, "authors": "The example authors"}
	}
	return map[string]described{
		"example:image-resizer": resizer(),
		"example:markdown": {
			exports: []string{"example:text/convert@1.0.0"}, about: about("Turns CommonMark into HTML, with tables and footnotes.", "MIT"), code: 90,
		},
		"example:memory-store": {
			exports: []string{"wasi:keyvalue/store@0.2.0-draft"}, about: about("Key-value storage in memory, for tests of components that want wasi:keyvalue.", "MIT"), code: 40,
		},
		"example:greeter": {
			imports: []string{"wasi:cli/environment@0.2.3", "wasi:cli/stdout@0.2.3", "wasi:io/streams@0.2.3"}, exports: []string{"wasi:cli/run@0.2.3"},
			about: about("Says hello on the command line.", "Apache-2.0"), code: 5,
		},
		"example:proxy": {
			imports: []string{"wasi:http/types@0.2.3", "wasi:http/outgoing-handler@0.2.3", "wasi:keyvalue/store@0.2.0-draft", "wasi:random/random@0.2.3"},
			exports: []string{"wasi:http/incoming-handler@0.2.3"}, about: about("A caching reverse proxy that keeps what it has in a key-value store.", "Apache-2.0 WITH LLVM-exception"), code: 120,
		},
		"example:hostile": {
			imports: []string{"wasi:sockets/tcp@0.2.3"},
			about:   about("<script>alert(1)</script>\u202eevil \x1b[31m"+strings.Repeat("<b>long</b> ", 20_000), "\"'><img src=x onerror=alert(1)>"), code: 1,
		},
	}
}

// fillForWeb publishes packages to look at: the resizer has several versions, of which one
// is yanked, and a second key.
func fillForWeb(t *testing.T, s *server, packages map[string]described) {
	t.Helper()
	for _, packageName := range slices.Sorted(maps.Keys(packages)) {
		d := packages[packageName]
		a := newAuthor(t, packageName)
		s.publishRelease(t, a, a.begin(), nil)
		content := d.bytes(t)
		s.publishRelease(t, a, a.release(content), content)
		if packageName != "example:image-resizer" {
			continue
		}
		helper := newAuthor(t, packageName)
		s.publishRelease(t, a, a.sign(nil, protocol.PackageEntry{
			Type: protocol.EntryGrantFlat, Key: helper.key.Public(), Permissions: []protocol.PackagePermission{protocol.PermissionRelease, protocol.PermissionYank},
		}), nil)
		for range 2 {
			d.code += 30
			content := d.bytes(t)
			s.publishRelease(t, a, a.release(content), content)
		}
		s.publishRelease(t, a, a.sign(nil, protocol.PackageEntry{Type: protocol.EntryYank, Version: "1.0.3"}), nil)
	}
}
