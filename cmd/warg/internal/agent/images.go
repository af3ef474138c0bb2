package agent

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/warg-trillian/warg-trillian/warg/ociimage"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/wholefile"
)

// images is a folder of what was proved to belong to a package, or pushed to it, so that it is
// found by its digest. A package has a folder, and in it a file "<hex of the digest>.<kind>" each.
type images struct{ dir string }

// Kinds of files.
const (
	manifestFile = "manifest" // holds the manifest
	configFile   = "config"   // holds the config
	layerFile    = "layer"    // empty: the content is elsewhere
	pushedFile   = "pushed"   // likewise; it was pushed to the package, and nothing was proved
)

func (s images) path(name protocol.PackageName, digest protocol.Hash, kind string) string {
	return filepath.Join(s.dir, name.Namespace(), name.Name(), hexOf(digest)+"."+kind)
}

// add keeps the image of a release. It is found from then on.
func (s images) add(name protocol.PackageName, content protocol.Hash, image ociimage.Image) error {
	for _, file := range []struct {
		kind   string
		digest protocol.Hash
		data   []byte
	}{
		{layerFile, content, nil},
		{configFile, image.ConfigDigest, image.Config},
		{manifestFile, image.ManifestDigest, image.Manifest},
	} {
		if err := replaceFile(s.path(name, file.digest, file.kind), file.data); err != nil {
			return err
		}
	}
	return nil
}

// restore adds an image again if its files were deleted meanwhile.
func (s images) restore(name protocol.PackageName, content protocol.Hash, image ociimage.Image) error {
	if _, err := os.Stat(s.path(name, image.ManifestDigest, manifestFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.add(name, content, image)
}

// read returns a manifest or config, an [fs.ErrNotExist] if it is not one of the package's
// that were proved.
func (s images) read(name protocol.PackageName, digest protocol.Hash, kind string) ([]byte, error) {
	data, err := os.ReadFile(s.path(name, digest, kind))
	if err == nil && sha256.Sum256(data) != digest {
		return nil, fmt.Errorf("%s is damaged: delete it", s.path(name, digest, kind))
	}
	return data, err
}

// has says whether a package has such a file of a content, such as that of a layer that was
// proved to be of a release.
func (s images) has(name protocol.PackageName, content protocol.Hash, kind string) bool {
	_, err := os.Stat(s.path(name, content, kind))
	return err == nil
}

// pushed notes that a content was pushed to a package.
func (s images) pushed(name protocol.PackageName, content protocol.Hash) error {
	return replaceFile(s.path(name, content, pushedFile), nil)
}

// replaceFile writes a file whole or not at all, in a folder that is made if it is missing.
func replaceFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return wholefile.Replace(path, 0o600, func(f *os.File) error {
		_, err := f.Write(data)
		return err
	})
}
