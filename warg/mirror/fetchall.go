package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sync/errgroup"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// maxFailures is how many contents may fail to be asked for before the others are not
// asked for any more: the registry is away.
const maxFailures = 10

// fetchAll fetches those contents that the folder lacks, each once. It returns those that
// are in the folder now, and the releases whose content can not be had. Failures of asking
// are among the latter, and in e.failures; too many of them end it.
func (e *exporter) fetchAll(ctx context.Context, releases []Release) (got []listedContent, missing []Release, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(e.options.Parallel)
	seen := map[protocol.Hash]bool{}
	for _, release := range releases {
		if seen[release.Digest] {
			continue
		}
		seen[release.Digest] = true
		group.Go(func() error {
			size, fetched, err := e.fetchContent(ctx, release.Digest)
			e.mu.Lock()
			defer e.mu.Unlock()
			if err == nil {
				e.report.Content.add(size, fetched, fetched && e.lost[release.Digest])
				got = append(got, listedContent{release, size})
				return nil
			}
			missing = append(missing, release)
			return e.takeFailure(ctx, release, err)
		})
	}
	return got, missing, group.Wait()
}

// add counts a content in the folder.
func (r *ContentReport) add(size int64, fetched, repaired bool) {
	r.Have++
	if !fetched {
		return
	}
	r.Fetched++
	r.Bytes += size
	if repaired {
		r.Repaired++
	}
}

// takeFailure reports why a content can not be had. An error ends the export.
func (e *exporter) takeFailure(ctx context.Context, release Release, err error) error {
	report := e.report.Content
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errBlocked):
		if s, ok := e.withheldBy(release.Digest); ok {
			report.Blocked = append(report.Blocked, withheldRelease(release, s))
		} else {
			e.blocked = append(e.blocked, release)
		}
	case errors.Is(err, errAltered):
		report.Altered = append(report.Altered, release)
	case errors.Is(err, ErrTooLarge):
		report.TooLarge = append(report.TooLarge, release)
	case errors.Is(err, fs.ErrNotExist):
		report.Withheld = append(report.Withheld, release)
	default:
		e.failures = append(e.failures, fmt.Errorf("content of %s: %w", release, err))
		if len(e.failures) >= maxFailures {
			return errors.Join(e.failures...)
		}
	}
	return nil
}
