package publisher_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/index"
	"github.com/warg-trillian/warg-trillian/personality/internal/parts"
	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/signing"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// mirrorSetup is a mirror on real parts. Its registry reads alone.
type mirrorSetup struct {
	registrytest.Setup
	records *trilliansvc.Log
	failing bool // the log does not integrate, from the next reload on
	*publisher.Mirror
}

// newMirror is a mirror of nothing yet, for a registry.
func newMirror(t *testing.T, s *registrytest.Setup) *mirrorSetup {
	m := &mirrorSetup{Setup: registrytest.Setup{T: t, Dir: t.TempDir(), Key: s.Key, CacheBytes: 1 << 20}}
	m.open()
	t.Cleanup(func() { m.Close() })
	return m
}

func (m *mirrorSetup) open() {
	m.T.Helper()
	ctx := context.Background()
	db, err := store.OpenSQLite(ctx, filepath.Join(m.Dir, "registry.db"))
	m.Must(err)
	m.Service, err = trilliansvc.Embedded(ctx, m.Dir, slog.New(slog.DiscardHandler))
	m.Must(err)
	m.records, err = m.Service.OpenPreordered(ctx, 0, "records")
	m.Must(err)
	folder, err := content.OpenFolder(filepath.Join(m.Dir, "content"), content.FolderOptions{MaxSize: 1 << 20})
	m.Must(err)
	m.Options = parts.Options{Store: db, Records: m.records, Contents: folder, Keys: signing.New(registrytest.NewKey(m.T)), Now: time.Now, Logger: slog.New(slog.DiscardHandler)}
	m.Renew()
	m.reload()
}

// reload is a mirror with nothing in its memory.
func (m *mirrorSetup) reload() {
	m.T.Helper()
	var err error
	var records publisher.MirrorLog = m.records
	if m.failing {
		records = failingLog{records}
	}
	m.Mirror, err = publisher.OpenMirror(context.Background(), publisher.MirrorOptions{
		Store: m.Options.Store, Records: records, Index: index.NewTree(m.Options.Cache), Restorer: m.Admission, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	m.Must(err)
}

// upstream is the records log of a registry, with what a test changes in it.
type upstream struct {
	follow.Source
	change func(follow.Leaf) follow.Leaf
}

func (u *upstream) Leaves(ctx context.Context, start uint64, count int) ([]follow.Leaf, error) {
	leaves, err := u.Source.Leaves(ctx, start, count)
	for i := range leaves {
		if u.change != nil {
			leaves[i] = u.change(leaves[i])
		}
	}
	return leaves, err
}

func (u *upstream) Consistent(ctx context.Context, from, to follow.Root) error {
	return follow.Consistent(ctx, u.Source, from, to)
}

func newest(s *registrytest.Setup) protocol.SignedCheckpoint {
	s.T.Helper()
	c, err := s.LatestCheckpoint(context.Background())
	s.Must(err)
	return c
}

func silent(uint64, uint64) {}

// A mirror has what its upstream has, in every checkpoint that it was shown; goes on where
// it was interrupted; and shows nothing of a checkpoint before all of it is there.
func TestMirrorFollows(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	s.Load("example:first", 3)
	m := newMirror(t, s)
	source := &upstream{Source: s.Options.Records}
	ctx := context.Background()
	first := newest(s)
	m.Must(m.Follow(ctx, first, source, silent))
	m.CheckPublished()

	s.LoadAtOnce(40, 110) // several steps, and more tiles than are made at once
	second := newest(s)
	for _, at := range []uint64{1, 1500} {
		cut, cancel := context.WithCancel(ctx)
		err := m.Follow(cut, second, source, func(done, _ uint64) {
			if done >= at {
				cancel()
			}
		})
		if err == nil {
			t.Fatalf("interrupted at %d records: no error", at)
		}
		if got := newest(&m.Setup); got != first {
			t.Fatalf("interrupted at %d records, readers see %d", at, got.Contents.LogLength)
		}
		if leaves, err := m.Leaves(ctx, 0, 5000); err != nil || uint64(len(leaves)) != first.Contents.LogLength {
			t.Fatalf("interrupted, it shows %d leaves (%v), and published %d", len(leaves), err, first.Contents.LogLength)
		}
		m.Close()
		m.open()
		if m.Staged() < at {
			t.Fatalf("%d records are staged after an interruption at %d", m.Staged(), at)
		}
	}
	s.Load("example:later", 2)
	third := newest(s)
	m.Must(m.Follow(ctx, third, source, silent))
	m.CheckPublished()
	if got := newest(&m.Setup); got != third {
		t.Errorf("it serves %+v, and the upstream signed %+v", got, third)
	}
	if err := m.Follow(ctx, second, source, silent); !untrue(err, "log") {
		t.Errorf("an upstream that went back: %v", err)
	}
	m.Must(m.Tile(ctx))

	// The registry that the mirror is a copy of signs its checkpoint again.
	again := third.Contents
	again.Timestamp += 10
	signed, err := again.SignWith(s.Key)
	s.Must(err)
	m.Must(m.Follow(ctx, signed, source, silent))
	if got := newest(&m.Setup); got != signed {
		t.Errorf("a checkpoint that was signed again is not served: %+v", got)
	}
}

func untrue(err error, claim string) bool {
	var u *publisher.UntrueError
	return errors.As(err, &u) && u.Claim == claim
}

// Whatever an upstream lies about, nothing of it is published, and the mirror goes on when
// the upstream tells the truth again.
func TestMirrorTakesNoLie(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	s.Load("example:one", 4)
	ctx := context.Background()
	first := newest(s)
	s.Load("example:two", 4)
	truth := newest(s)
	all, err := s.Options.Records.Leaves(ctx, 0, 100)
	s.Must(err)
	last := uint64(len(all)) - 1
	sign := func(key protocol.PrivateKey, change func(*protocol.TimestampedCheckpoint)) protocol.SignedCheckpoint {
		c := truth.Contents
		change(&c)
		signed, err := c.SignWith(key)
		s.Must(err)
		return signed
	}
	at := func(index uint64, change func(*follow.Leaf)) func(follow.Leaf) follow.Leaf {
		return func(l follow.Leaf) follow.Leaf {
			if l.Index == index {
				change(&l)
			}
			return l
		}
	}
	for what, lie := range map[string]struct {
		target protocol.SignedCheckpoint
		change func(follow.Leaf) follow.Leaf
		claim  string
		words  string
	}{
		"another leaf":           {truth, at(last, func(l *follow.Leaf) { l.Value, l.ExtraData = all[last-1].Value, all[last-1].ExtraData }), "log", "log root"},
		"no leaf":                {truth, at(last, func(l *follow.Leaf) { l.Value = []byte("x") }), "record", "not a record"},
		"another index":          {truth, at(last, func(l *follow.Leaf) { l.Index++ }), "log", "was asked for"},
		"another name":           {truth, at(last, func(l *follow.Leaf) { l.ExtraData = all[2].ExtraData }), "record", "package name"},
		"a signature that fails": {truth, at(last, func(l *follow.Leaf) { l.ExtraData = turned(l.ExtraData, len(l.ExtraData)-10) }), "record", ""},
		"another envelope":       {truth, at(last, func(l *follow.Leaf) { l.ExtraData = all[last-1].ExtraData }), "record", "envelope of record"},
		"another log root":       {sign(s.Key, func(c *protocol.TimestampedCheckpoint) { c.LogRoot[0]++ }), nil, "log", "log root"},
		"another map root":       {sign(s.Key, func(c *protocol.TimestampedCheckpoint) { c.MapRoot[0]++ }), nil, "map", "map root"},
		"a stranger's signature": {sign(registrytest.NewKey(t), func(*protocol.TimestampedCheckpoint) {}), nil, "signature", "may not sign"},
	} {
		t.Run(what, func(t *testing.T) {
			m := newMirror(t, s)
			source := &upstream{Source: s.Options.Records}
			m.Must(m.Follow(ctx, first, source, silent))
			source.change = lie.change
			for range 2 { // it stays a lie
				err := m.Follow(ctx, lie.target, source, silent)
				if !untrue(err, lie.claim) || !strings.Contains(err.Error(), lie.words) {
					t.Fatalf("%v, want a lie about the %s: %s", err, lie.claim, lie.words)
				}
			}
			if got := newest(&m.Setup); got != first {
				t.Fatalf("it serves %+v", got)
			}
			m.CheckPublished()
			m.reload()
			source.change = nil
			m.Must(m.Follow(ctx, truth, source, silent))
			m.CheckPublished()
		})
	}
}
