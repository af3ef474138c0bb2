package content

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// Probe finds out whether content can be stored now: it writes a small file, makes it
// durable, gives it a name beside the contents and removes it. It fails with a
// [*NoSpaceError] or an [*UnavailableError] if not. A disk that does not answer fails
// it when ctx ends; until that disk answers, all probes fail.
func (f *Folder) Probe(ctx context.Context) error {
	select {
	case f.probing <- struct{}{}:
	case <-ctx.Done():
		return f.silent(ctx)
	}
	result := make(chan error, 1)
	go func() {
		defer func() { <-f.probing }()
		result <- f.tryWriting()
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return f.silent(ctx)
	}
}

func (f *Folder) silent(ctx context.Context) error {
	return &UnavailableError{Dir: f.dir, State: "does not answer", Err: context.Cause(ctx)}
}

// tryWriting does what [Folder.Put] does, with a small file.
func (f *Folder) tryWriting() error {
	if err := f.enoughSpace(); err != nil {
		return err
	}
	return f.unavailable(f.tryFile())
}

func (f *Folder) tryFile() (err error) {
	tmp, err := f.fs.CreateTemp(f.tmp, "probe-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.removeIfThere(tmp.Name())) }()
	defer tmp.Close()
	if _, err := tmp.Write(make([]byte, 4096)); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	// One name for all, so that a process that is killed here leaves one file at most.
	// It is not that of any content.
	name := filepath.Join(f.files, ".probe")
	if err := f.fs.Rename(tmp.Name(), name); err != nil {
		return err
	}
	return f.removeIfThere(name)
}

func (f *Folder) removeIfThere(path string) error {
	if err := f.fs.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// enoughSpace fails with a [*NoSpaceError] if less is free than has to stay so.
func (f *Folder) enoughSpace() error {
	if f.options.MinFree <= 0 {
		return nil
	}
	free, err := f.fs.Free(f.tmp)
	if err != nil {
		return fmt.Errorf("asking for free space: %w", f.unavailable(err))
	}
	if free < f.options.MinFree {
		return &NoSpaceError{Dir: f.dir, Free: free, Needed: f.options.MinFree}
	}
	return nil
}

// full reports whether err is for lack of space.
func full(err error) bool {
	var noSpace *NoSpaceError
	var unavailable *UnavailableError
	return errors.As(err, &noSpace) || (errors.As(err, &unavailable) && unavailable.Full)
}
