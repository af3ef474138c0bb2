package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the database/sql driver "sqlite"
)

// mergeLogs brings the write-ahead logs of a killed server into its databases,
// as the next server would: the files are as large as they must be, and one each.
func mergeLogs(ctx context.Context, data string) error {
	files, err := filepath.Glob(filepath.Join(data, "*.db"))
	if err != nil {
		return err
	}
	for _, file := range files {
		db, err := sql.Open("sqlite", file)
		if err != nil {
			return err
		}
		_, err = db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
		if err := errors.Join(err, db.Close()); err != nil {
			return err
		}
	}
	return nil
}

// kept reports whether a file belongs to the data: not locks, nor what a server
// makes again.
func kept(path string) bool {
	return !strings.Contains(path, "lock") && !strings.HasPrefix(path, "cache"+string(filepath.Separator))
}

// archive packs the files of a folder, in the order of their names.
func archive(dir, file string) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	zip, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return err
	}
	pack := tar.NewWriter(zip)
	err = filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || !kept(name) {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		header := &tar.Header{Name: filepath.ToSlash(name), Mode: 0o600, Size: int64(len(content)), Typeflag: tar.TypeReg}
		if err := pack.WriteHeader(header); err != nil {
			return err
		}
		_, err = pack.Write(content)
		return err
	})
	return errors.Join(err, pack.Close(), zip.Close())
}
