package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// archive writes what works on any machine of a target: the commands, and the files beside them.
func (b *build) archive(t target, bin, notices string) error {
	root := filepath.Join(b.work, "archive-"+t.os+"-"+t.arch, b.name(t))
	files := map[string]string{
		"LICENSE": "LICENSE", "README.md": "README.md", "THIRD-PARTY-NOTICES.md": "THIRD-PARTY-NOTICES.md",
		"warg-personality.yaml": "config/warg-personality.yaml", "docs": "docs",
	}
	if t.os == "linux" {
		files["systemd"] = "packaging/systemd"
	}
	for name, from := range files {
		if err := copyTo(filepath.Join(root, name), filepath.Join(b.root, from)); err != nil {
			return err
		}
	}
	err := errors.Join(
		copyTo(filepath.Join(root, "bin"), bin), copyTo(filepath.Join(root, "man", "man1"), filepath.Join(b.docs, "man")),
		write(filepath.Join(root, "THIRD-PARTY-LICENSES"), notices))
	for _, shell := range []string{"bash", "zsh", "fish"} {
		err = errors.Join(err, copyTo(filepath.Join(root, "completions", shell), filepath.Join(b.docs, shell)))
	}
	if err != nil {
		return err
	}
	return writeTar(filepath.Join(b.out, b.name(t)+".tar.gz"), filepath.Dir(root), b.time)
}

// writeTar packs a folder: names sorted, owner 0, modes 0755 and 0644, all of one time.
func writeTar(path, root string, at time.Time) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	zipped, err := gzip.NewWriterLevel(f, gzip.BestCompression) // without name and time
	if err != nil {
		return err
	}
	packed := tar.NewWriter(zipped)
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return addTo(packed, path, filepath.ToSlash(name), e, at)
	})
	return errors.Join(err, packed.Close(), zipped.Close(), f.Close())
}

func addTo(packed *tar.Writer, path, name string, e fs.DirEntry, at time.Time) error {
	info, err := e.Info()
	if err != nil {
		return err
	}
	header := &tar.Header{Name: name, ModTime: at, Format: tar.FormatPAX, Mode: int64(mode(info))}
	if e.IsDir() {
		header.Typeflag, header.Name = tar.TypeDir, name+"/"
		return packed.WriteHeader(header)
	}
	header.Typeflag, header.Size = tar.TypeReg, info.Size()
	if err := packed.WriteHeader(header); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(packed, f)
	return err
}

// mode is a file's, whatever the umask was when it was made.
func mode(info fs.FileInfo) fs.FileMode {
	if info.IsDir() || info.Mode()&0o100 != 0 {
		return 0o755
	}
	return 0o644
}

// copyTo copies a file or a folder.
func copyTo(to, from string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		into := filepath.Join(to, name)
		if e.IsDir() {
			return os.MkdirAll(into, 0o755)
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(into), 0o755); err != nil {
			return err
		}
		return os.WriteFile(into, data, mode(info))
	})
}
