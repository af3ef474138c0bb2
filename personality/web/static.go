package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"time"
)

// StaticPath is where the pages expect [Static].
const StaticPath = "/static/"

//go:embed static
var staticFiles embed.FS

// staticTypes are the types of the files that are served. No other is.
var staticTypes = map[string]string{
	".js":    "text/javascript; charset=utf-8",
	".css":   "text/css; charset=utf-8",
	".svg":   "image/svg+xml",
	".png":   "image/png",
	".ico":   "image/x-icon",
	".woff2": "font/woff2",
	".txt":   "text/plain; charset=utf-8",
}

// staticFile is a file with its entity tag, the digest of its bytes.
type staticFile struct {
	body      []byte
	mediaType string
	etag      string
}

// Static serves the scripts, style sheets and images of the pages below [StaticPath]: GET
// and HEAD. Browsers ask each time whether a file is the one that they have, so that
// modules which import each other are of one release.
func Static() http.Handler {
	files := readStatic(staticFiles)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		file, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		header := w.Header()
		header.Set("Content-Type", file.mediaType)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-cache")
		header.Set("ETag", file.etag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file.body))
	})
}

// readStatic returns the files by the paths of their URLs. It panics if one has a type
// that is not known: the files are part of the program.
func readStatic(files fs.FS) map[string]staticFile {
	all := map[string]staticFile{}
	err := fs.WalkDir(files, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		mediaType, ok := staticTypes[path.Ext(name)]
		if !ok {
			panic("the file " + name + " has a type that Static does not know")
		}
		sum := sha256.Sum256(body)
		all["/"+name] = staticFile{body, mediaType, `"` + hex.EncodeToString(sum[:16]) + `"`}
		return nil
	})
	if err != nil {
		panic(err)
	}
	return all
}
