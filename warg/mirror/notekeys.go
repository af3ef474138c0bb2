package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// VKeysPath is where the public keys of a log's notes are, below [tlog.Log.Path]: a
// vkey a line.
const VKeysPath = "vkeys"

// maxVKeys is the size in bytes of the longest list of keys that is read.
const maxVKeys = 64 << 10

// KeysOf returns the verifiers of those keys in text that are a log's: the name of a key
// is the origin of its log, which ends with the path of the log.
func KeysOf(log tlog.Log, vkeys []string) ([]note.Verifier, error) {
	var keys []note.Verifier
	seen := map[string]bool{}
	for _, vkey := range vkeys {
		v, err := tlog.NewVerifier(vkey)
		if err != nil {
			return nil, err
		}
		id := fmt.Sprintf("%s+%08x", v.Name(), v.KeyHash())
		if !strings.HasSuffix(v.Name(), "/"+log.Path()) || seen[id] {
			continue
		}
		seen[id] = true
		if len(keys) > 0 && keys[0].Name() != v.Name() {
			return nil, fmt.Errorf("the keys are of two registries: %s and %s", keys[0].Name(), v.Name())
		}
		keys = append(keys, v)
	}
	return keys, nil
}

// CheckVKeys refuses keys that are of neither log of a registry, or of two registries, and
// a key that is there twice, which somebody took for that of the other log.
func CheckVKeys(vkeys []string) error {
	seen := map[string]bool{}
	first := ""
	for _, vkey := range vkeys {
		v, err := tlog.NewVerifier(vkey)
		if err != nil {
			return err
		}
		if !strings.HasSuffix(v.Name(), "/"+tlog.Records.Path()) && !strings.HasSuffix(v.Name(), "/"+tlog.Checkpoints.Path()) {
			return fmt.Errorf("the name of the note key %q ends with neither /%s nor /%s: it is of no log of a registry", v.Name(), tlog.Records.Path(), tlog.Checkpoints.Path())
		}
		id := fmt.Sprintf("%s+%08x", v.Name(), v.KeyHash())
		if seen[id] {
			return fmt.Errorf("the note key %s is given twice: each log has keys of its own", id)
		}
		seen[id] = true
		registry := strings.TrimSuffix(strings.TrimSuffix(v.Name(), "/"+tlog.Records.Path()), "/"+tlog.Checkpoints.Path())
		if first == "" {
			first = registry
		}
		if registry != first {
			return fmt.Errorf("the note keys are of two registries: %s and %s", first, registry)
		}
	}
	return nil
}

// openNote returns the tree head of a note that one of the keys, all of one log, has
// signed. A wrong signature by one of them is an error, even beside a right one. Without
// any key no signature is checked.
func openNote(signed []byte, log tlog.Log, keys []note.Verifier) (tlog.TreeHead, error) {
	if len(keys) == 0 {
		return openUnchecked(signed, log)
	}
	var missing error
	for _, key := range keys {
		head, err := tlog.Open(signed, key.Name(), key)
		var none *note.UnverifiedNoteError
		switch {
		case err == nil:
			_, err = note.Open(signed, note.VerifierList(keys...))
			return head, err
		case !errors.As(err, &none):
			return head, err
		}
		missing = err
	}
	return tlog.TreeHead{}, missing
}

// openUnchecked returns the tree head of a note without checking who signed it.
func openUnchecked(signed []byte, log tlog.Log) (tlog.TreeHead, error) {
	_, err := note.Open(signed, note.VerifierList())
	var unverified *note.UnverifiedNoteError
	if !errors.As(err, &unverified) {
		return tlog.TreeHead{}, errors.New("it is no signed note")
	}
	head, err := tlog.ParseTreeHead([]byte(unverified.Note.Text))
	if err == nil && !strings.HasSuffix(head.Origin, "/"+log.Path()) {
		err = fmt.Errorf("the note is that of the log %q, which is no %s log of a registry", head.Origin, log)
	}
	return head, err
}

// KeySource says where the keys came from that verified a log's notes.
type KeySource string

// The sources of keys.
const (
	Pinned     KeySource = "pinned"     // given by the user
	Remembered KeySource = "remembered" // in the folder, since they were pinned or met first
	FirstUse   KeySource = "first use"  // given by the registry now, and remembered
	Unchecked  KeySource = "unchecked"  // none is known: signatures were not checked
)

// noteKeys are the keys of a log's notes.
type noteKeys struct {
	verifiers []note.Verifier
	source    KeySource
	text      []byte // to remember
}

// keysOf returns the keys of a log's notes: the pinned ones, or else those that the
// folder has, or else those that the registry gives, if it does.
func (e *exporter) keysOf(ctx context.Context, log tlog.Log) (noteKeys, error) {
	pinned, err := KeysOf(log, e.options.VKeys)
	if err != nil || len(pinned) > 0 {
		return noteKeys{pinned, Pinned, keyText(log, e.options.VKeys)}, err
	}
	path := log.Path() + "/" + VKeysPath
	k := noteKeys{source: Remembered}
	k.text, err = e.out.read(path, maxVKeys)
	if errors.Is(err, fs.ErrNotExist) {
		k.source = FirstUse
		k.text, err = read(ctx, e.options.Source, path, maxVKeys)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return noteKeys{source: Unchecked}, nil
	}
	if err != nil {
		return k, err
	}
	if k.verifiers, err = KeysOf(log, strings.Split(strings.TrimSpace(string(k.text)), "\n")); err == nil && len(k.verifiers) == 0 {
		err = errors.New("it has no key of this log")
	}
	if err != nil {
		return k, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// keyText lists those keys that are a log's, a line each.
func keyText(log tlog.Log, vkeys []string) []byte {
	var text strings.Builder
	for _, vkey := range vkeys {
		if keys, err := KeysOf(log, []string{vkey}); err == nil && len(keys) > 0 {
			text.WriteString(strings.TrimSpace(vkey) + "\n")
		}
	}
	return []byte(text.String())
}
