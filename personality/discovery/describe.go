package discovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// States of a content's description.
const (
	stateWaiting   = 0 // it is to be described
	stateDescribed = 1 // it was, perhaps by an earlier module
	stateNot       = 2 // it is not here, or no WebAssembly
)

// How contents are described.
const (
	describeAtOnce = 200     // contents a transaction, at most
	describeBytes  = 4 << 20 // of results in it, about
	describeEvery  = time.Second
	// describeTime bounds one content.
	describeTime = 2 * time.Minute

	// A content that is not here is looked for again after such a time, doubled each time;
	// after some times it counts as one that does not come.
	missingPause = 10 * time.Second
	missingMost  = 24 * time.Hour
	missingTries = 4
)

// task is a content to describe.
type task struct {
	id     int64
	digest protocol.Hash
	tries  int
	module int // that described it before; 0: none
}

// outcome is what became of one.
type outcome struct {
	task
	description *discovery.Description // nil: it could not be read; err says why
	wit         *discovery.WIT
	err         error
	bytes       int // about, in memory
}

// describe describes contents until ctx ends.
func (x *Index) describe(ctx context.Context, db *database) error {
	var told time.Time
	stored, err := untidied(ctx, db) // since the last tidying
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		more := x.changed.Next()
		if x.published.Load() > x.position.Load()+batchCount { // releases that are old by then need not be found
			wake.Sleep(ctx, describeEvery, nil)
			continue
		}
		tasks, err := x.due(ctx, db)
		if err != nil {
			return err
		}
		if len(tasks) == 0 {
			if stored >= tidyAfter && x.filled.Load() {
				if err := x.tidy(ctx, db); err != nil && !x.waitForDisk(ctx, err) {
					return err
				}
				stored = 0
			}
			wake.Sleep(ctx, describeEvery, more)
			continue
		}
		for len(tasks) > 0 && ctx.Err() == nil {
			var outcomes []outcome
			outcomes, tasks = x.describeSome(ctx, tasks)
			if ctx.Err() != nil {
				return nil
			}
			if err := x.store(ctx, db, outcomes); x.waitForDisk(ctx, err) {
				break // what is due is read anew
			} else if err != nil {
				return err
			}
			stored += len(outcomes)
		}
		if time.Since(told) > progressEvery {
			if left := x.toDescribe(ctx, db); left > describeAtOnce {
				told = time.Now()
				x.options.Logger.Info("contents are described for the index of packages", "described", x.described.Load(), "left", left)
			}
		}
	}
	return nil
}

// due returns contents that are to be described: first those that never were, then those
// that another module described.
func (x *Index) due(ctx context.Context, db *database) (tasks []task, err error) {
	version, now := x.options.Describer.Version(), x.options.Now().Unix()
	err = db.view(ctx, func(t tx) error {
		read := func(scan func(...any) error) error {
			var one task
			var digest []byte
			err := scan(&one.id, &digest, &one.tries, &one.module)
			copy(one.digest[:], digest)
			tasks = append(tasks, one)
			return err
		}
		const columns = `SELECT id, digest, tries, module FROM contents WHERE withheld IS NULL AND `
		if err := t.rows(columns+`module = 0 AND due <= ? ORDER BY due LIMIT ? + 0`, []any{now, describeAtOnce}, read); err != nil || len(tasks) > 0 {
			return err
		}
		return t.rows(columns+`(module > 0 AND module < ?2 OR module > ?2) AND due <= ?1 LIMIT ?3 + 0`, []any{now, version, describeAtOnce}, read)
	})
	return tasks, err
}

// toDescribe is how many contents are to be described.
func (x *Index) toDescribe(ctx context.Context, db *database) (n int64) {
	db.view(ctx, func(t tx) (err error) {
		n, err = x.countDue(t)
		return err
	})
	return n
}

func (x *Index) countDue(t tx) (n int64, err error) {
	if x.options.Describer == nil {
		return 0, nil
	}
	_, err = t.row(`SELECT COUNT(*) FROM contents WHERE (module < ?1 OR module > ?1) AND withheld IS NULL AND NOT (module = 0 AND state = ?2)`,
		[]any{x.options.Describer.Version(), stateNot}, &n)
	return n, err
}

// describeSome describes some of the tasks, the workers side by side, and returns those
// that are left.
func (x *Index) describeSome(ctx context.Context, tasks []task) (outcomes []outcome, left []task) {
	bytes := 0
	for len(tasks) > 0 && bytes < describeBytes && ctx.Err() == nil {
		some := tasks[:min(len(tasks), x.options.Workers)]
		tasks = tasks[len(some):]
		done := make([]outcome, len(some))
		start := time.Now()
		var working sync.WaitGroup
		for i, one := range some {
			working.Go(func() { done[i] = x.describeOne(ctx, one) })
		}
		working.Wait()
		for _, o := range done {
			bytes += o.bytes
		}
		outcomes = append(outcomes, done...)
		x.giveWay(ctx, time.Since(start))
	}
	return outcomes, tasks
}

// describeOne describes a content. Whatever it does is its own trouble.
func (x *Index) describeOne(ctx context.Context, one task) (o outcome) {
	o.task = one
	defer func() {
		if p := recover(); p != nil {
			o.description, o.wit, o.err = nil, nil, fmt.Errorf("describing it failed: %v", p)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, describeTime)
	defer cancel()
	content, _, err := x.options.Log.OpenContent(ctx, one.digest)
	if err != nil {
		o.err = err
		return o
	}
	defer content.Close()
	size, err := content.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = content.Seek(0, io.SeekStart)
	}
	if err != nil {
		o.err = err
		return o
	}
	d, wit, err := x.options.Describer.Describe(ctx, readerAt(content), size)
	if err != nil {
		o.err = err
		return o
	}
	o.description, o.wit = &d, wit
	o.bytes = 4 << 10
	if wit != nil {
		o.bytes += len(wit.Text)
	}
	o.bytes += 256 * (len(d.Imports.Items) + len(d.Exports.Items) + len(d.Dependencies.Items))
	return o
}

// store puts outcomes into the index.
func (x *Index) store(ctx context.Context, db *database, outcomes []outcome) error {
	version, now := x.options.Describer.Version(), x.options.Now()
	stored := 0
	err := db.update(ctx, func(t tx) error {
		for _, o := range outcomes {
			var err error
			if o.description == nil {
				err = storeFailure(t, o, version, now)
			} else {
				stored++
				err = storeDescription(t, o, version)
			}
			if err != nil {
				return fmt.Errorf("store what is in content %s: %w", o.digest, err)
			}
		}
		return nil
	})
	if err == nil {
		x.described.Add(uint64(stored))
		x.hasChanged()
	}
	return err
}

// storeFailure has a content tried again later. What was described before stays.
func storeFailure(t tx, o outcome, version int, now time.Time) error {
	if o.err != nil && !isMissing(o.err) && !isAway(o.err) && o.tries+1 >= missingTries {
		// It is here, and no module of this version will describe it.
		return t.do(`UPDATE contents SET module = ?, tries = tries + 1, state = CASE state WHEN ? THEN ? ELSE state END WHERE id = ?`, version, stateWaiting, stateNot, o.id)
	}
	pause := min(missingPause<<min(o.tries, 20), missingMost)
	state := stateWaiting
	if o.tries+1 >= missingTries && isMissing(o.err) {
		state = stateNot
	}
	return t.do(`UPDATE contents SET due = ?, tries = tries + 1, state = CASE state WHEN ? THEN state ELSE ? END WHERE id = ?`,
		now.Add(pause).Unix(), stateDescribed, state, o.id)
}

func isMissing(err error) bool {
	_, missing := errors.AsType[*registry.ContentNotFoundError](err)
	_, lost := errors.AsType[*registry.ContentLostError](err)
	_, isWithheld := errors.AsType[*registry.WithheldError](err)
	return missing || lost || isWithheld
}

// Bounds in bytes of what a list has of a content.
const (
	maxLine    = 300
	maxLicense = 200
)

// storeDescription stores what is in a content, and what follows from it.
func storeDescription(t tx, o outcome, version int) error {
	text, err := compress(o.description)
	if err != nil {
		return err
	}
	var wit []byte
	if o.wit != nil {
		if wit, err = compress(o.wit); err != nil {
			return err
		}
	}
	if err := t.do(`INSERT OR REPLACE INTO descriptions (content, text, wit) VALUES (?, ?, ?)`, o.id, text, wit); err != nil {
		return err
	}
	state := stateDescribed
	if o.description.Kind == "" {
		state = stateNot
	}
	d := o.description
	err = t.do(`UPDATE contents SET state = ?, module = ?, due = 0, tries = 0, kind = ?, size = ?, description = ?, license = ?, wit = ? WHERE id = ?`,
		state, version, cut(d.Kind, 20), d.Size, line(d.Metadata.Description, maxLine), line(d.Metadata.Licenses, maxLicense), wit != nil, o.id)
	if err != nil {
		return err
	}
	var packed []byte
	if _, err := t.row(`SELECT tags FROM contents WHERE id = ?`, []any{o.id}, &packed); err != nil {
		return err
	}
	old := unpackIDs(packed)
	tags, err := setTags(t, o.id, old, tagsOf(*d))
	if err != nil {
		return err
	}
	if err := t.do(`UPDATE heads SET marks = ? WHERE content = ?`, marksOf(tags), o.id); err != nil {
		return err
	}
	return describeHeads(t, o.id, docTextOf(*d), old, tags)
}

// describeHeads sees to the documents of heads with a content, and counts their tags.
func describeHeads(t tx, content int64, text docText, old, tags []int64) error {
	type row struct {
		release int64
		isHead  bool
	}
	var heads []row
	err := t.rows(`SELECT r.id, MAX(h.until = ? AND h.mask & ? <> 0) FROM releases r CROSS JOIN heads h ON h.release = r.id WHERE r.content = ? GROUP BY r.id`,
		[]any{int64(still), defaultMask, content}, func(scan func(...any) error) error {
			var h row
			err := scan(&h.release, &h.isHead)
			heads = append(heads, h)
			return err
		})
	if err != nil {
		return err
	}
	counted := 0
	for _, h := range heads {
		if h.isHead {
			counted++
		}
		if err := writeDocOf(t, h.release, text); err != nil {
			return err
		}
	}
	if counted == 0 {
		return nil
	}
	if err := countTags(t, old, -counted); err != nil {
		return err
	}
	return countTags(t, tags, counted)
}

// line makes one line of a text: blanks in place of control characters and line breaks, and
// no more bytes than size.
func line(text string, size int) string {
	text = strings.Join(strings.FieldsFunc(cut(text, 4*size), func(r rune) bool {
		return r <= ' ' || r == 0x7f || r >= 0x80 && r <= 0xa0 || r == 0x2028 || r == 0x2029
	}), " ")
	if len(text) > size {
		text = strings.ToValidUTF8(text[:size-len("…")], "") + "…"
	}
	return text
}
