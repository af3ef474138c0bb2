package discovery

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// entryBits are how many bits of an entry id number the entry in its record. A record has
// at most 256 KiB (policy.MaxRecordSize), and 65,536 entries of the shortest form.
const entryBits = 16

// entryID is the place of an entry in the records log.
func entryID(index uint64, entry int) int64 {
	return int64(index<<entryBits) | int64(min(entry, 1<<entryBits-1))
}

func indexOf(entryID int64) uint64 { return uint64(entryID) >> entryBits }

// operatorLog is the package that stands for it.
const operatorLog = int64(0)

// batch applies records to the index, as the protocol does (package protocol, PackageLog):
// they were validated before they entered the log.
type batch struct {
	position uint64
	filled   bool // the index was up to the log before
	keys     map[string]int64
	packages map[string]int64
	touched  map[int64]uint64 // packages whose newest release may have changed, and the length of the log behind that
	last     string

	newPackages, newReleases, newNamespaces, newKeys int64
}

func newBatch(position uint64, filled bool) *batch {
	return &batch{position: position, filled: filled, keys: map[string]int64{}, packages: map[string]int64{}, touched: map[int64]uint64{}}
}

// recordOf is a record that is applied.
type recordOf struct {
	index   uint64
	id      protocol.Hash
	time    int64
	key     int64
	pkg     int64
	entries int
}

func (r *recordOf) nextEntry() int64 {
	r.entries++
	return entryID(r.index, r.entries-1)
}

// apply applies the next record of the log.
func (b *batch) apply(t tx, named tlog.NamedEnvelope) error {
	envelope, err := protocol.UnmarshalEnvelopeProto(named.Envelope)
	if err != nil {
		return err
	}
	r := &recordOf{index: b.position}
	if r.key, err = b.key(t, envelope.KeyID, ""); err != nil {
		return err
	}
	if named.Name == "" {
		err = b.applyOperator(t, r, envelope)
	} else {
		err = b.applyPackage(t, r, named.Name, envelope)
	}
	if err != nil {
		return err
	}
	b.last = leafName(named, envelope)
	if b.position == 0 {
		if err := t.set(metaFirst, b.last); err != nil {
			return err
		}
	}
	b.position++
	return t.do(`UPDATE keys SET records = records + 1 WHERE id = ?`, r.key)
}

func (b *batch) applyOperator(t tx, r *recordOf, envelope protocol.Envelope) error {
	signed, err := protocol.ParseOperatorEnvelope(envelope)
	if err != nil {
		return err
	}
	r.id, r.time = signed.ID, nanoseconds(signed.Record.Time)
	for _, e := range signed.Record.Entries {
		id := r.nextEntry()
		switch e.Type {
		case protocol.EntryInit:
			err = b.grant(t, r, id, e.Type, e.Key, []string{string(protocol.PermissionCommit), string(protocol.PermissionDefineNamespace), string(protocol.PermissionImportNamespace)})
		case protocol.EntryGrantFlat:
			err = b.grant(t, r, id, e.Type, e.Key, texts(e.Permissions))
		case protocol.EntryRevokeFlat:
			err = b.revoke(t, r, id, e.KeyID, texts(e.Permissions))
		}
		if err != nil {
			return err
		}
	}
	return b.signed(t, r)
}

func (b *batch) applyPackage(t tx, r *recordOf, name string, envelope protocol.Envelope) error {
	signed, err := protocol.ParsePackageEnvelope(envelope)
	if err != nil {
		return err
	}
	r.id, r.time = signed.ID, nanoseconds(signed.Record.Time)
	if r.pkg, err = b.pkg(t, r, name); err != nil {
		return err
	}
	for _, e := range signed.Record.Entries {
		id := r.nextEntry()
		switch e.Type {
		case protocol.EntryInit:
			err = b.grant(t, r, id, e.Type, e.Key, []string{string(protocol.PermissionRelease), string(protocol.PermissionYank)})
		case protocol.EntryGrantFlat:
			err = b.grant(t, r, id, e.Type, e.Key, texts(e.Permissions))
		case protocol.EntryRevokeFlat:
			err = b.revoke(t, r, id, e.KeyID, texts(e.Permissions))
		case protocol.EntryRelease:
			err = b.release(t, r, id, e)
		case protocol.EntryYank:
			err = b.yank(t, r, id, e)
		}
		if err != nil {
			return err
		}
	}
	return b.signed(t, r)
}

// pkg returns the id of a package, and makes it if it is new.
func (b *batch) pkg(t tx, r *recordOf, name string) (id int64, err error) {
	if id, ok := b.packages[name]; ok {
		return id, nil
	}
	found, err := t.row(`SELECT id FROM packages WHERE name = ?`, []any{name}, &id)
	if err != nil {
		return 0, err
	}
	if !found {
		namespace, short, _ := strings.Cut(name, ":")
		made, err := t.exec(`INSERT INTO packages (name, short, created, record, time, key) VALUES (?, ?, ?, ?, ?, ?)`,
			name, short, entryID(r.index, 0), r.id[:], r.time, r.key)
		if err != nil {
			return 0, err
		}
		if id, err = made.LastInsertId(); err != nil {
			return 0, err
		}
		b.newPackages++
		var packages int64
		if _, err := t.row(`INSERT INTO namespaces VALUES (?, 1) ON CONFLICT DO UPDATE SET packages = packages + 1 RETURNING packages`, []any{namespace}, &packages); err != nil {
			return 0, err
		}
		if packages == 1 {
			b.newNamespaces++
		}
	}
	b.packages[name] = id
	return id, nil
}

// key returns the id of a key, and makes it if it is new.
func (b *batch) key(t tx, key protocol.KeyID, public string) (id int64, err error) {
	if id, ok := b.keys[string(key)]; ok && public == "" {
		return id, nil
	}
	var known string
	found, err := t.row(`SELECT id, public FROM keys WHERE key = ?`, []any{string(key)}, &id, &known)
	if err != nil {
		return 0, err
	}
	if !found {
		made, err := t.exec(`INSERT INTO keys (key, public) VALUES (?, ?)`, string(key), public)
		if err != nil {
			return 0, err
		}
		if id, err = made.LastInsertId(); err != nil {
			return 0, err
		}
		b.newKeys++
	} else if known == "" && public != "" {
		if err := t.do(`UPDATE keys SET public = ? WHERE id = ?`, public, id); err != nil {
			return 0, err
		}
	}
	b.keys[string(key)] = id
	return id, nil
}

func (b *batch) grant(t tx, r *recordOf, id int64, entry protocol.EntryType, key protocol.PublicKey, permissions []string) error {
	subject, err := b.key(t, key.ID(), key.String())
	if err != nil {
		return err
	}
	return b.change(t, r, id, entry, subject, permissions, func(held []string) []string {
		for _, p := range permissions {
			if !slices.Contains(held, p) {
				held = append(held, p)
			}
		}
		return held
	})
}

func (b *batch) revoke(t tx, r *recordOf, id int64, key protocol.KeyID, permissions []string) error {
	subject, err := b.key(t, key, "")
	if err != nil {
		return err
	}
	return b.change(t, r, id, protocol.EntryRevokeFlat, subject, permissions, func(held []string) []string {
		return slices.DeleteFunc(held, func(p string) bool { return slices.Contains(permissions, p) })
	})
}

// change stores an entry about a key, and what the key holds from there on.
func (b *batch) change(t tx, r *recordOf, id int64, entry protocol.EntryType, subject int64, permissions []string, change func([]string) []string) error {
	var held string
	if _, err := t.row(`SELECT permissions FROM held WHERE key = ? AND package = ?`, []any{subject, r.pkg}, &held); err != nil {
		return err
	}
	now := strings.Join(change(split(held)), ",")
	if err := t.do(`INSERT INTO held (key, package, permissions) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET permissions = excluded.permissions`, subject, r.pkg, now); err != nil {
		return err
	}
	return t.do(`INSERT OR REPLACE INTO changes (package, id, entry, subject, permissions, record, time, key) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		r.pkg, id, entryName(entry), subject, strings.Join(permissions, ","), r.id[:], r.time, r.key)
}

// signed counts the record for its key.
func (b *batch) signed(t tx, r *recordOf) error {
	return t.do(`INSERT INTO held (key, package, permissions, records, last, record, time) VALUES (?, ?, '', 1, ?, ?, ?)
		ON CONFLICT DO UPDATE SET records = records + 1, last = excluded.last, record = excluded.record, time = excluded.time`,
		r.key, r.pkg, entryID(r.index, 0), r.id[:], r.time)
}

func (b *batch) release(t tx, r *recordOf, id int64, e protocol.PackageEntry) error {
	digest, err := e.Content.Hash()
	if err != nil {
		return err
	}
	var content int64
	var isWithheld bool
	found, err := t.row(`SELECT id, withheld IS NOT NULL FROM contents WHERE digest = ?`, []any{digest[:]}, &content, &isWithheld)
	if err != nil {
		return err
	}
	if !found {
		made, err := t.exec(`INSERT INTO contents (digest) VALUES (?)`, digest[:])
		if err != nil {
			return err
		}
		if content, err = made.LastInsertId(); err != nil {
			return err
		}
	}
	err = t.do(`INSERT INTO releases (id, package, class, rank, version, content, record, time, key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		id, r.pkg, classOf(e.Version, false, isWithheld), protocol.AppendVersionKey(nil, e.Version), e.Version, content, r.id[:], r.time, r.key)
	if err != nil {
		return err
	}
	if err := t.do(`UPDATE packages SET releases = releases + 1 WHERE id = ?`, r.pkg); err != nil {
		return err
	}
	b.newReleases++
	b.touched[r.pkg] = r.index + 1
	return t.do(`UPDATE keys SET releases = releases + 1 WHERE id = ?`, r.key)
}

func (b *batch) yank(t tx, r *recordOf, id int64, e protocol.PackageEntry) error {
	release, class, found, err := findRelease(t, r.pkg, e.Version)
	if err != nil || !found {
		return err
	}
	b.touched[r.pkg] = r.index + 1
	return t.do(`UPDATE releases SET class = ?, yank = ?, yank_record = ?, yank_time = ?, yank_key = ? WHERE id = ?`,
		class|classYanked, id, r.id[:], r.time, r.key, release)
}

// finish ends the batch: the newest releases of packages, and where the index is now.
func (b *batch) finish(t tx) error {
	for pkg, length := range b.touched {
		if err := newestOf(t, pkg, length, b.filled); err != nil {
			return err
		}
	}
	for _, count := range []struct {
		name string
		n    int64
	}{{metaPackages, b.newPackages}, {metaReleases, b.newReleases}, {metaNamespaces, b.newNamespaces}, {metaKeys, b.newKeys}} {
		if count.n == 0 {
			continue
		}
		if err := t.add(count.name, count.n); err != nil {
			return err
		}
	}
	if err := purge(t, b.position); err != nil {
		return err
	}
	if err := t.set(metaLast, b.last); err != nil {
		return err
	}
	return t.set(metaPosition, b.position)
}

// entryName is how the API names entries.
func entryName(t protocol.EntryType) string { return strings.TrimSuffix(t.String(), "_flat") }

func texts[P ~string](permissions []P) []string {
	all := make([]string, len(permissions))
	for i, p := range permissions {
		all[i] = string(p)
	}
	return all
}

func split(permissions string) []string {
	if permissions == "" {
		return nil
	}
	return strings.Split(permissions, ",")
}

// nanoseconds since 1970; times that do not fit are the first or last that do: authors
// claim them.
func nanoseconds(t protocol.Time) int64 {
	switch {
	case t.Seconds > math.MaxInt64/int64(time.Second)-1:
		return math.MaxInt64
	case t.Seconds < math.MinInt64/int64(time.Second)+1:
		return math.MinInt64
	}
	return t.Seconds*int64(time.Second) + int64(t.Nanos)
}

func timeOf(nanoseconds int64) time.Time { return time.Unix(0, nanoseconds).UTC() }
