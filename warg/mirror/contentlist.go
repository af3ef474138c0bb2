package mirror

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// contentListPath is the list of the contents in a folder: a [listedContent] a line, as
// JSON. It is appended to before the state says that they are there.
const contentListPath = stateDir + "/contents"

// maxListedContent is the length of the longest line of the list in bytes.
const maxListedContent = 1 << 20

// listedContent is a content that an export brought into the folder.
type listedContent struct {
	Release
	Size int64 `json:"size"` // bytes
}

// errListLost says that the list is not there, or not as it was written.
var errListLost = errors.New("the list of contents is lost")

// lostContents returns the listed releases whose content is not in the folder any more,
// or has another size, and then is removed.
func (e *exporter) lostContents() (lost []Release, err error) {
	err = e.scanContents(func(c listedContent) error {
		name := ContentPath(c.Digest)
		size, ok := e.out.size(name)
		if ok && size == c.Size {
			return nil
		}
		if ok {
			if err := e.out.root.Remove(filepath.FromSlash(name)); err != nil {
				return err
			}
		}
		lost = append(lost, c.Release)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return lost, nil
}

// scanContents reads the list of contents; [errListLost] if it is not as it was written.
func (e *exporter) scanContents(take func(listedContent) error) error {
	f, err := e.out.root.Open(filepath.FromSlash(contentListPath))
	if errors.Is(err, fs.ErrNotExist) {
		return errListLost
	}
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxListedContent)
	for lines.Scan() {
		var c listedContent
		if json.Unmarshal(lines.Bytes(), &c) != nil {
			return errListLost
		}
		if err := take(c); err != nil {
			return err
		}
	}
	if lines.Err() != nil {
		return errListLost
	}
	return nil
}

// contentLines are contents as the list has them.
func contentLines(contents []listedContent) ([]byte, error) {
	var text bytes.Buffer
	for _, c := range contents {
		line, err := json.Marshal(c)
		if err != nil {
			return nil, err
		}
		text.Write(append(line, '\n'))
	}
	return text.Bytes(), nil
}

// listContents appends to the list, which is on disk afterwards.
func (e *exporter) listContents(contents []listedContent) error {
	text, err := contentLines(contents)
	if err != nil {
		return err
	}
	if err := e.out.root.MkdirAll(stateDir, 0o755); err != nil {
		return err
	}
	f, err := e.out.root.OpenFile(filepath.FromSlash(contentListPath), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", contentListPath, err)
	}
	return nil
}

// dropContentList begins a new list.
func (e *exporter) dropContentList() error {
	err := e.out.root.Remove(filepath.FromSlash(contentListPath))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
