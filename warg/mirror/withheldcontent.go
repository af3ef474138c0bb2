package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// withheldBy returns the statement by which the operator withholds a content.
func (e *exporter) withheldBy(digest protocol.Hash) (s withheld.Statement, ok bool) {
	if e.withheld == nil {
		return s, false
	}
	return e.withheld.Withheld(digest)
}

// dropWithheld removes contents from the folder that the operator withholds, if that is
// asked for, and else says which there are.
func (e *exporter) dropWithheld() error {
	if e.withheld == nil {
		return nil
	}
	there := map[protocol.Hash]bool{}
	var kept, removed []WithheldRelease
	releases, err := e.listedReleases()
	if err != nil {
		return err
	}
	for _, s := range e.withheld.InForce() {
		name := ContentPath(s.Digest)
		if _, ok := e.out.size(name); !ok {
			continue
		}
		there[s.Digest] = true
		release, ok := releases[s.Digest]
		if !ok {
			release.Digest = s.Digest
		}
		if !e.options.RemoveWithheld {
			kept = append(kept, withheldRelease(release, s))
			continue
		}
		if err := e.out.root.Remove(filepath.FromSlash(name)); err != nil {
			return err
		}
		removed = append(removed, withheldRelease(release, s))
	}
	report := e.withheldReport()
	report.Kept, report.Removed = append(report.Kept, kept...), append(report.Removed, removed...)
	if len(removed) == 0 {
		return nil
	}
	return e.forget(there)
}

// listedReleases are the releases in the list of contents, by digest.
func (e *exporter) listedReleases() (map[protocol.Hash]Release, error) {
	all := map[protocol.Hash]Release{}
	err := e.scanContents(func(c listedContent) error {
		if _, ok := all[c.Digest]; !ok {
			all[c.Digest] = c.Release
		}
		return nil
	})
	if errors.Is(err, errListLost) {
		err = nil
	}
	return all, err
}

// forget takes contents that were removed off the list, so that they are not taken for lost,
// and has the next exports ask for them, for when they are released.
func (e *exporter) forget(removed map[protocol.Hash]bool) error {
	var left []listedContent
	state, err := e.contentState()
	if err != nil {
		return err
	}
	err = e.scanContents(func(c listedContent) error {
		if removed[c.Digest] {
			state.Missing = append(state.Missing, c.Release)
		} else {
			left = append(left, c)
		}
		return nil
	})
	if errors.Is(err, errListLost) {
		return nil // all releases are looked at again
	}
	if err != nil {
		return err
	}
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	list, err := contentLines(left)
	if err != nil {
		return err
	}
	return errors.Join(e.out.write(contentStatePath, text), e.out.write(contentListPath, list), e.out.sync())
}

// judgeBlocked reads the list again if the registry said of contents that they are withheld,
// and no statement said so: it may have come since. What it does not have is found withheld.
func (e *exporter) judgeBlocked(ctx context.Context, records uint64) error {
	if len(e.blocked) == 0 {
		return nil
	}
	if err := e.copyStatements(ctx, records); err != nil {
		return err
	}
	report := e.report.Content
	for _, r := range e.blocked {
		if s, ok := e.withheldBy(r.Digest); ok {
			report.Blocked = append(report.Blocked, withheldRelease(r, s))
		} else {
			report.Withheld = append(report.Withheld, r)
		}
	}
	return nil
}
