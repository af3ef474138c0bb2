package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// ContentPath is where a content is in a folder, and where registries of this project
// serve it: "content/sha256-<64 hex digits>".
func ContentPath(digest protocol.Hash) string {
	return "content/" + strings.Replace(digest.String(), ":", "-", 1)
}

// Release is a content that a record releases.
type Release struct {
	Package string        `json:"package"`
	Version string        `json:"version"`
	Index   uint64        `json:"index"` // of the record in the records log
	Digest  protocol.Hash `json:"digest"`
}

func (r Release) String() string { return fmt.Sprintf("%s %s (%s)", r.Package, r.Version, r.Digest) }

// ContentReport is what an export has done about content.
type ContentReport struct {
	Fetched  int   // contents now
	Bytes    int64 // in them
	Have     int   // contents in the folder, of the releases that were looked at now
	Repaired int   // of those fetched, contents that the folder had and has lost, or damaged
	// Withheld is what the registry says that it does not have, or is withheld (status 451)
	// without a statement of its operator, Altered what it gives
	// other bytes for, TooLarge what is larger than [Options.MaxContent]. All of them are
	// asked for again by the next export.
	Withheld, Altered, TooLarge []Release
	// Blocked is what the registry's operator withholds by a signed statement, and the folder
	// did not have. It is not asked for, whoever would give it, until it is released.
	Blocked []WithheldRelease
}

// contentState is what an export remembers about content.
type contentState struct {
	// Records are how many records' releases were looked at. All of their contents are
	// in the folder but for those in Missing.
	Records uint64    `json:"records"`
	Missing []Release `json:"missing"`
}

// Names and bounds of the state.
const (
	contentStatePath = stateDir + "/content.json"
	maxContentState  = 256 << 20
)

// contentBatch is after how many bundles of records the state is written.
const contentBatch = 64

// fetchContents fetches the contents of all releases among the first size records.
func (e *exporter) fetchContents(ctx context.Context, size uint64) error {
	e.report.Content = new(ContentReport)
	state, err := e.contentState()
	if err != nil {
		return err
	}
	lost, err := e.lostContents()
	if err != nil && !errors.Is(err, errListLost) {
		return err
	}
	e.lost = map[protocol.Hash]bool{}
	for _, r := range lost {
		e.lost[r.Digest] = true
	}
	if err != nil || e.options.Verify {
		// All releases again. What was there before the list was lost may be damaged.
		e.hash, state, lost = e.options.Verify || state.Records > 0, contentState{}, nil
		if err := errors.Join(e.dropContentList(), e.listContents(nil)); err != nil {
			return err
		}
	}
	wanted := slices.Concat(state.Missing, lost)
	state.Missing = nil
	for {
		next := min(size, (state.Records/tlog.TileWidth+contentBatch)*tlog.TileWidth)
		found, err := e.releases(state.Records, next, size)
		if err != nil {
			return err
		}
		got, missing, err := e.fetchAll(ctx, slices.Concat(wanted, found))
		if err := errors.Join(err, e.listContents(got)); err != nil {
			return err
		}
		wanted = nil
		state.Missing, state.Records = append(state.Missing, missing...), next
		text, err := json.Marshal(state)
		if err != nil {
			return err
		}
		if err := errors.Join(e.out.write(contentStatePath, text), e.out.sync()); err != nil {
			return err
		}
		e.options.Progress(Progress{Done: next, Size: size})
		if next == size {
			err := errors.Join(e.judgeBlocked(ctx, size), e.out.sweep("content", func(string) bool { return true }))
			return errors.Join(append(e.failures, err)...)
		}
	}
}

func (e *exporter) contentState() (state contentState, err error) {
	text, err := e.out.read(contentStatePath, maxContentState)
	if errors.Is(err, fs.ErrNotExist) {
		return state, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &state)
	}
	if err != nil {
		return state, fmt.Errorf("%s, which an earlier export wrote: %w", contentStatePath, err)
	}
	return state, nil
}

// releases reads the releases in the records from one index to another, of a log of
// some size, from the folder.
func (e *exporter) releases(from, to, size uint64) ([]Release, error) {
	var all []Release
	err := e.records(from, to, size, func(index uint64, n tlog.NamedEnvelope) {
		if n.Name != "" {
			all = append(all, releasesOf(n, index)...)
		}
	})
	return all, err
}

// releasesOf are the releases of a record; none of what is no record, which is for an
// audit to find.
func releasesOf(n tlog.NamedEnvelope, index uint64) []Release {
	envelope, err := protocol.UnmarshalEnvelopeProto(n.Envelope)
	if err != nil {
		return nil
	}
	record, err := protocol.ParsePackageEnvelope(envelope)
	if err != nil {
		return nil
	}
	var all []Release
	for _, entry := range record.Record.Entries {
		digest, err := entry.Content.Hash()
		if entry.Type == protocol.EntryRelease && err == nil {
			all = append(all, Release{Package: n.Name, Version: entry.Version, Index: index, Digest: digest})
		}
	}
	return all
}
