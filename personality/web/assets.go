package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed assets
var assetFiles embed.FS

// assetsPath is below which the files of the pages are.
const assetsPath = "/assets/"

// isFile: a browser asks for these without saying that it takes HTML.
func isFile(path string) bool { return strings.HasPrefix(path, assetsPath) }

// assetTags are the beginnings of the files' hashes, by name: an address with one is of
// that file for ever.
var assetTags = func() map[string]string {
	tags := map[string]string{}
	err := fs.WalkDir(assetFiles, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := assetFiles.ReadFile(name)
		sum := sha256.Sum256(text)
		tags[strings.TrimPrefix(name, "assets/")] = hex.EncodeToString(sum[:8])
		return err
	})
	if err != nil {
		panic(err) // it is part of this program
	}
	return tags
}()

func assetURL(name string) string { return assetsPath + name + "?v=" + assetTags[name] }

// serveAsset serves a file of the pages.
func serveAsset(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, assetsPath)
	tag, ok := assetTags[name]
	if !ok {
		fail(w, &Problem{http.StatusNotFound, "There is no file at this address."})
		return
	}
	text, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		fail(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	h.Set("Content-Security-Policy", "default-src 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("ETag", `"`+tag+`"`)
	h.Set("Cache-Control", "public, no-cache")
	if r.URL.Query().Get("v") == tag {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}
