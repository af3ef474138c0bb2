package discovery

import (
	"bytes"
	"math"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// A release has a class: bits that say why it may be left out of an answer. What an answer
// takes in has the same bits: a wish. For each wish, a package has at most one release that
// is the newest: a head. The mask of a head has one bit for each wish.
const (
	classPre      = 1
	classYanked   = 2
	classWithheld = 4

	wishes = 8
	// defaultMask is the mask of the wish for nothing special.
	defaultMask = 1
)

func classOf(version string, yanked, isWithheld bool) int {
	class := 0
	if protocol.IsPreRelease(version) {
		class |= classPre
	}
	if yanked {
		class |= classYanked
	}
	if isWithheld {
		class |= classWithheld
	}
	return class
}

// still is the length of the log at which a head ends that is one now.
const still = math.MaxInt64

// headsKept is for how many records behind it a head is known that is none any more: so
// long, the pages of an answer that began before can be asked for.
const headsKept = 50_000

// findRelease finds a release by its version.
func findRelease(t tx, pkg int64, version string) (id int64, class int, found bool, err error) {
	found, err = t.row(`SELECT id, class FROM releases WHERE package = ? AND class IN (0, 1, 2, 3, 4, 5, 6, 7) AND rank = ?`,
		[]any{pkg, protocol.AppendVersionKey(nil, version)}, &id, &class)
	return id, class, found, err
}

// top is the newest release of a class.
type top struct {
	release int64
	rank    []byte
}

// newest returns, by release, for which wishes it is the newest of its package. A wish that
// does not take pre-releases in takes them where there is nothing else.
func newest(t tx, pkg int64) (map[int64]int, error) {
	var tops [wishes]top
	err := t.rows(`WITH classes (class) AS (VALUES (0), (1), (2), (3), (4), (5), (6), (7))
		SELECT classes.class, r.id, r.rank FROM classes CROSS JOIN releases r
		ON r.id = (SELECT id FROM releases WHERE package = ? AND class = classes.class ORDER BY rank DESC LIMIT 1)`,
		[]any{pkg}, func(scan func(...any) error) error {
			var class int
			var found top
			if err := scan(&class, &found.release, &found.rank); err != nil {
				return err
			}
			tops[class] = found
			return nil
		})
	masks := map[int64]int{}
	for wish := range wishes {
		var best top
		for _, pre := range []int{0, classPre} {
			if pre != 0 && wish&classPre == 0 && best.release != 0 {
				break
			}
			for class := range wishes {
				if class&classPre == pre && class&^classPre&^wish == 0 && bytes.Compare(tops[class].rank, best.rank) > 0 {
					best = tops[class]
				}
			}
		}
		if best.release != 0 {
			masks[best.release] |= 1 << wish
		}
	}
	return masks, err
}

// head is a row of heads.
type head struct {
	release, since int64
	mask           int
}

// newestOf sees to the heads of a package at a length of the log, behind a change. Unless
// the index was filled before, nobody needs to know what they were.
func newestOf(t tx, pkg int64, length uint64, filled bool) error {
	want, err := newest(t, pkg)
	if err != nil {
		return err
	}
	var old []head
	err = t.rows(`SELECT release, since, mask FROM heads WHERE package = ? AND until = ?`, []any{pkg, still}, func(scan func(...any) error) error {
		var h head
		err := scan(&h.release, &h.since, &h.mask)
		old = append(old, h)
		return err
	})
	if err != nil {
		return err
	}
	before, after := int64(0), int64(0) // the head of the default wish
	for release, mask := range want {
		if mask&defaultMask != 0 {
			after = release
		}
	}
	for _, h := range old {
		if h.mask&defaultMask != 0 {
			before = h.release
		}
		if want[h.release] == h.mask {
			delete(want, h.release)
			continue
		}
		if filled && uint64(h.since) < length {
			err = t.do(`UPDATE heads SET until = ? WHERE release = ? AND since = ? AND mask = ?`, int64(length), h.release, h.since, h.mask)
		} else {
			err = t.do(`DELETE FROM heads WHERE release = ? AND since = ? AND mask = ?`, h.release, h.since, h.mask)
		}
		if err != nil {
			return err
		}
	}
	for release, mask := range want {
		tags, err := tagsOfRelease(t, release)
		if err != nil {
			return err
		}
		if err := t.do(`INSERT OR REPLACE INTO heads (release, since, until, mask, package, content, marks) SELECT id, ?, ?, ?, package, content, ? FROM releases WHERE id = ?`,
			int64(length), int64(still), mask, marksOf(tags), release); err != nil {
			return err
		}
		if err := writeDoc(t, release); err != nil {
			return err
		}
	}
	for _, h := range old {
		if err := dropDoc(t, h.release); err != nil {
			return err
		}
	}
	return countHead(t, pkg, before, after)
}

// purge forgets heads that were long ago.
func purge(t tx, position uint64) error {
	if position < headsKept {
		return nil
	}
	var gone []head
	err := t.rows(`SELECT release, since, mask FROM heads WHERE until <= ? LIMIT 10000`, []any{int64(position - headsKept)}, func(scan func(...any) error) error {
		var h head
		err := scan(&h.release, &h.since, &h.mask)
		gone = append(gone, h)
		return err
	})
	if err != nil || len(gone) == 0 {
		return err
	}
	for _, h := range gone {
		if err := t.do(`DELETE FROM heads WHERE release = ? AND since = ? AND mask = ?`, h.release, h.since, h.mask); err != nil {
			return err
		}
		if err := dropDoc(t, h.release); err != nil {
			return err
		}
	}
	return t.set(metaPurged, position-headsKept)
}
