package personality

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/warg-trillian/warg-trillian/personality/files"
	"github.com/warg-trillian/warg-trillian/personality/internal/parts"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Notes says how the notes of the two logs are signed.
type Notes struct {
	// Origin is the origin of the registry, such as "registry.example.com"; empty: the
	// one that the database keeps, or else a name derived from the operator key's id.
	Origin string
	// RecordsKeyFile and CheckpointsKeyFile hold the keys; empty: [NoteKeyFile]. They
	// are made for a registry that never had note keys, and for no other.
	RecordsKeyFile, CheckpointsKeyFile string
}

// NoteKeyFile is the file in a data folder that holds the note key of a log if no
// setting names another.
func NoteKeyFile(dataDir string, log tlog.Log) string {
	return filepath.Join(dataDir, string(log)+"-note.key")
}

// Under which names the registry's database keeps the origin, and the public keys of
// the logs.
const originKey = "origin"

func noteKeyKey(log tlog.Log) string { return string(log) + " note key" }

// noteKeys are the note keys of a registry while it opens.
type noteKeys struct {
	s      *Server
	db     *store.DB
	origin string              // as the database keeps it; "" if it keeps none
	kept   map[tlog.Log]string // public keys, as the database keeps them
	made   []string            // files
	lost   bool                // the log has records, and the database has none
}

// openNoteKeys reads the note keys, or makes those of a registry that has none yet.
// Their names and public keys are in the database from then on: witnesses and auditors
// know the logs by them, so others are refused.
func (s *Server) openNoteKeys(ctx context.Context, p *parts.Options) error {
	k := noteKeys{s: s, db: p.Store}
	if err := k.load(ctx); err != nil {
		return err
	}
	given := s.options.Notes
	if s.rebuilding && given.Origin == "" && k.origin == "" {
		return nil // rebuilding signs no notes
	}
	var err error
	if k.lost, err = lostRecords(ctx, *p); err != nil {
		return err
	}
	if k.origin != "" && given.Origin != "" && given.Origin != k.origin {
		return fmt.Errorf("the origin of this registry is %q, and --origin (or WARG_ORIGIN) says %q: witnesses and auditors know its logs by the former, so it stays; leave the setting out", k.origin, given.Origin)
	}
	origin := k.origin
	if origin == "" {
		origin = given.Origin
	}
	if origin == "" {
		origin = k.ownOrigin(given)
	}
	if err := tlog.CheckOrigin(origin); err != nil {
		return fmt.Errorf("--origin: %w", err)
	}
	if p.Publisher.RecordsNoteKey, err = k.open(tlog.Records, origin, given.RecordsKeyFile); err != nil {
		return err
	}
	if p.Publisher.CheckpointsNoteKey, err = k.open(tlog.Checkpoints, origin, given.CheckpointsKeyFile); err != nil {
		return err
	}
	if err := k.claim(ctx, origin, p.Publisher.RecordsNoteKey, p.Publisher.CheckpointsNoteKey); err != nil {
		return err
	}
	s.vkeys = map[tlog.Log][]string{tlog.Records: p.Publisher.RecordsNoteKey.VKeys(), tlog.Checkpoints: p.Publisher.CheckpointsNoteKey.VKeys()}
	return k.tell(ctx, origin)
}

func (k *noteKeys) load(ctx context.Context) error {
	return k.db.View(ctx, func(tx *store.Tx) error {
		k.kept = map[tlog.Log]string{}
		for _, log := range tlog.Logs {
			key, err := optional(tx.Meta(noteKeyKey(log)))
			if err != nil {
				return err
			}
			k.kept[log] = string(key)
		}
		origin, err := optional(tx.Meta(originKey))
		k.origin = string(origin)
		return err
	})
}

// optional takes a fact that is not set for an empty one.
func optional(value []byte, err error) ([]byte, error) {
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return value, err
}

// ownOrigin is the origin of a registry that was given none: that of its key file, if
// it has one (its database may have been lost), or else one derived from the operator
// key's id.
func (k *noteKeys) ownOrigin(given Notes) string {
	if text, err := files.ReadOnce(k.file(tlog.Records, given.RecordsKeyFile), files.SecretSize); err == nil {
		if key, err := tlog.ParseNoteKey(string(text)); err == nil {
			if origin, ok := strings.CutSuffix(key.Name(), "/"+tlog.Records.Path()); ok {
				return origin
			}
		}
	}
	_, digits, _ := strings.Cut(string(k.s.options.OperatorKeys[0].Public().ID()), ":")
	return "warg-" + digits[:32]
}

func (k *noteKeys) file(log tlog.Log, given string) string {
	if given != "" {
		return given
	}
	return NoteKeyFile(k.s.options.DataDir, log)
}

// open reads the key of a log, or makes it if there never was one.
func (k *noteKeys) open(log tlog.Log, origin, given string) (*tlog.NoteKey, error) {
	path, flag := k.file(log, given), "--"+string(log)+"-note-key-file"
	_, err := os.Lstat(path)
	switch {
	case err == nil:
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: %w", flag, err)
	case k.kept[log] != "":
		return nil, fmt.Errorf("%s is missing: it holds the note key of the %s log, whose public key is %s; put it back, copy it from where another process of this registry has it, or name its file with %s", path, log, k.kept[log], flag)
	case k.lost || k.s.rebuilding:
		return nil, fmt.Errorf("%s is missing, and the registry's database, which says whether there was a note key, is lost: put the copy of the %s log's note key back, or name its file with %s. If the registry never had one, or if its logs are to have new keys, which witnesses and auditors do not know: `warg-personality note-key new --origin NAME --log %s -o %s`", path, log, flag, log, path)
	default:
		if err := k.create(path, log.Origin(origin)); err != nil {
			return nil, fmt.Errorf("make the note key of the %s log: %w", log, err)
		}
	}
	text, err := files.ReadOnce(path, files.SecretSize)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		k.s.options.Logger.Warn("the note key file is open to others; use chmod 600", "file", path, "mode", info.Mode().Perm().String())
	}
	key, err := tlog.ParseNoteKey(string(text))
	if err != nil && k.kept[log] != "" {
		return nil, fmt.Errorf("%s: %s does not hold a note key, or a damaged one; put the copy of the key back whose public key is %s: %w", flag, path, k.kept[log], err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %s does not hold a note key; `warg-personality note-key new` makes one: %w", flag, path, err)
	}
	switch want := k.kept[log]; {
	case key.Name() != log.Origin(origin):
		return nil, fmt.Errorf("%s: the key in %s is named %q; the note key of the %s log of this registry is named %q", flag, path, key.Name(), log, log.Origin(origin))
	case want != "" && key.VKeys()[0] != want:
		return nil, fmt.Errorf("%s: the key in %s is another one (%s) than that by which witnesses and auditors know the %s log (%s); put that one back", flag, path, key.VKeys()[0], log, want)
	}
	return key, nil
}

func (k *noteKeys) create(path, name string) error {
	text, err := tlog.GenerateNoteKey(name, false)
	if err != nil {
		return err
	}
	err = files.CreateSecret(path, []byte(text))
	if errors.Is(err, fs.ErrExist) {
		return nil // another process was first
	}
	k.made = append(k.made, path)
	return err
}

// claim notes the origin and the public keys in the database, if they are not there.
func (k *noteKeys) claim(ctx context.Context, origin string, keys ...*tlog.NoteKey) error {
	if k.origin != "" {
		return nil
	}
	err := k.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Meta(originKey); !errors.Is(err, store.ErrNotFound) {
			return err
		}
		for i, log := range tlog.Logs {
			if err := tx.SetMeta(noteKeyKey(log), []byte(keys[i].VKeys()[0])); err != nil {
				return err
			}
		}
		return tx.SetMeta(originKey, []byte(origin))
	})
	if err2 := k.load(ctx); err2 != nil {
		return errors.Join(err, err2)
	}
	for i, log := range tlog.Logs {
		if k.kept[log] != "" && k.kept[log] != keys[i].VKeys()[0] {
			return fmt.Errorf("another process of this registry has just made the note key of the %s log (%s): copy its files to this one", log, k.kept[log])
		}
	}
	return err
}

// tell says which keys were made.
func (k *noteKeys) tell(ctx context.Context, origin string) error {
	if len(k.made) == 0 {
		return nil
	}
	var length uint64
	err := k.db.View(ctx, func(tx *store.Tx) (err error) {
		length, err = tx.NewestLength()
		return err
	})
	logger := k.s.options.Logger.With("origin", origin, "files", strings.Join(k.made, ", "))
	if length == 0 {
		logger.Info("made note keys; keep copies of them")
		return err
	}
	logger.Warn("made note keys for a registry that has records; keep copies of them. If it had note keys before, its database was lost with their names: put the old files back, and run rebuild on an empty database again", "records", length)
	return err
}
