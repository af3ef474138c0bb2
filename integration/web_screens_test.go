package integration

import (
	"bytes"
	"cmp"
	pictures "image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/warg-trillian/warg-trillian/integration/chromium"
)

// maxScreenshot is the size in bytes of the largest picture: the README has three.
const maxScreenshot = 150_000

// TestScreenshots makes pictures of the pages, in the folder that WARG_SCREENSHOTS names.
func TestScreenshots(t *testing.T) {
	folder := os.Getenv("WARG_SCREENSHOTS")
	if folder == "" {
		t.Skip("WARG_SCREENSHOTS names no folder for the pictures: `make screenshots` does")
	}
	s := startServer(t, "--base-url", "https://registry.example.com")
	packages := webPackages()
	delete(packages, "example:hostile")
	fillForWeb(t, s, packages)
	waitIndexed(t, s)
	tab := chromium.Tab(t, chromium.Start(t), tabTimeout)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, shot := range []struct {
		name, path, scheme string
		width, height      int64
	}{
		{"home", "/", "light", 1280, 860},
		{"search", "/search?search=http", "light", 1280, 800},
		{"package", "/packages/example:image-resizer", "light", 1280, 900},
		{"release", "/packages/example:image-resizer/1.0.4", "light", 1280, 1000},
		{"release-dark", "/packages/example:image-resizer/1.0.4", "dark", 1280, 1000},
		{"interface", "/interfaces?name=wasi:http/incoming-handler", "light", 1280, 760},
		{"log", "/packages/example:image-resizer/log", "dark", 1280, 760},
		{"checkpoints", "/checkpoints", "light", 1280, 900},
		{"phone", "/packages/example:image-resizer", "dark", 390, 844},
		{"verify", "/verify?package=example:image-resizer&version=1.0.4", "light", 1280, 900},
	} {
		prefer(t, tab, shot.scheme)
		act(t, tab, chromedp.EmulateViewport(shot.width, shot.height), chromedp.Navigate(s.url+shot.path))
		if shot.name == "verify" {
			act(t, tab, ready(verdictOf))
		}
		picture := smaller(t, of(t, tab, chromedp.CaptureScreenshot()))
		if len(picture) > maxScreenshot {
			t.Errorf("%s has %d bytes, more than %d", shot.name, len(picture), maxScreenshot)
		}
		if err := os.WriteFile(filepath.Join(folder, shot.name+".png"), picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// smaller makes a PNG of 256 colours of one of a page, which has hardly more: the others are
// between those of letters and of what is behind them.
func smaller(t *testing.T, picture []byte) []byte {
	t.Helper()
	whole, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	often := map[color.RGBA]int{}
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(whole.At(x, y)).(color.RGBA) }
	for y := range whole.Bounds().Dy() {
		for x := range whole.Bounds().Dx() {
			often[at(x, y)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(often), func(a, b color.RGBA) int { return cmp.Compare(often[b], often[a]) })
	var palette color.Palette
	for _, c := range colours[:min(len(colours), 256)] {
		palette = append(palette, c)
	}
	nearest := map[color.RGBA]uint8{}
	reduced := pictures.NewPaletted(whole.Bounds(), palette)
	for y := range whole.Bounds().Dy() {
		for x := range whole.Bounds().Dx() {
			c := at(x, y)
			index, known := nearest[c]
			if !known {
				index = uint8(palette.Index(c))
				nearest[c] = index
			}
			reduced.SetColorIndex(x, y, index)
		}
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, reduced); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
