package audit

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// tileFacts: a tile or a bundle of entries has another hash at a node than the log.
type tileFacts struct {
	Head     claim           `json:"head"`
	Exchange exchange        `json:"exchange"`
	Level    uint            `json:"level"` // of the node
	Index    uint64          `json:"index"`
	Node     protocol.Hash   `json:"node"` // what it is in the log
	Path     []protocol.Hash `json:"path"` // proves that
}

func (f *tileFacts) judge() (Finding, error) {
	head, err := f.Head.read()
	if err != nil {
		return Finding{}, err
	}
	if err := verifyNode(f.Level, f.Index, f.Node, f.Path, head.Size, head.Root); err != nil {
		return Finding{}, err
	}
	file, err := fileOf(head.Log, f.Exchange)
	if err != nil || !f.Exchange.has() {
		return Finding{}, errors.Join(errors.New("the answer is not one for a tile or bundle"), err)
	}
	claimed, err := f.answered(head.Log, file)
	if err != nil {
		return Finding{}, err
	}
	if claimed == f.Node.String() {
		return Finding{}, notContradicting("the answer has the hash of the log")
	}
	return Finding{
		Name: TileDiffers, Log: string(head.Log), Index: index(f.Index << f.Level), Claimed: claimed, Computed: f.Node.String(),
		Explanation: fmt.Sprintf("%s is not what the log of %d leaves has there", f.Exchange.Path, head.Size),
		Keys:        head.Keys,
	}, nil
}

// answered is the hash that the answer has for the node, or what is wrong with its form.
func (f *tileFacts) answered(log tlog.Log, file tlog.File) (string, error) {
	first := file.Index * tlog.TileWidth
	if file.Kind == tlog.Entries {
		entries, err := bundleEntries(log, file, f.Exchange)
		switch {
		case err != nil:
			return "not a bundle of entries: " + err.Error(), nil
		case f.Level != 0 || f.Index < first || f.Index-first >= uint64(len(entries)):
			return "", errors.New("the node is not in the bundle")
		}
		return leafHash(entries[f.Index-first]).String(), nil
	}
	hashes, err := tileHashes(log, file, f.Exchange)
	if err != nil {
		return "not a tile: " + err.Error(), nil
	}
	within := f.Level - uint(8*file.Level)
	if f.Level < uint(8*file.Level) || within > 8 {
		return "", errors.New("the node is not in the tile")
	}
	from, width := f.Index<<within, uint64(1)<<within
	if from < first || from-first+width > uint64(len(hashes)) {
		return "", errors.New("the node is not in the tile")
	}
	return fold(hashes[from-first : from-first+width]).String(), nil
}

// fileOf is the file that was asked for.
func fileOf(log tlog.Log, e exchange) (tlog.File, error) {
	path, ok := strings.CutPrefix(e.Path, log.Path()+"/")
	if !ok || e.Method != http.MethodGet {
		return tlog.File{}, fmt.Errorf("%s is no request for a file of the %s log", e, log)
	}
	return tlog.ParsePath(path)
}

// withheldFacts: a file is not there that must be, at the size of a note.
type withheldFacts struct {
	Head      claim      `json:"head"`
	Exchanges []exchange `json:"exchanges"` // for it and, if it is a partial one, for the full one
}

func (f *withheldFacts) judge() (Finding, error) {
	head, err := f.Head.read()
	if err != nil {
		return Finding{}, err
	}
	if len(f.Exchanges) == 0 {
		return Finding{}, notContradicting("nothing was asked")
	}
	for _, e := range f.Exchanges {
		if e.has() {
			return Finding{}, notContradicting("%s was answered", e)
		}
	}
	file, err := fileOf(head.Log, f.Exchanges[0])
	if err != nil {
		return Finding{}, err
	}
	if file.Kind == tlog.Envelopes && head.Log != tlog.Records || file.Width != tlog.Width(file.Level, file.Index, head.Size) {
		return Finding{}, notContradicting("%s need not exist at size %d", f.Exchanges[0].Path, head.Size)
	}
	if file.Width < tlog.TileWidth {
		full := file
		full.Width = tlog.TileWidth
		if len(f.Exchanges) != 2 || f.Exchanges[1].Path != head.Log.Path()+"/"+full.Path() {
			return Finding{}, notContradicting("the full file was not asked for")
		}
	}
	last := f.Exchanges[len(f.Exchanges)-1]
	return Finding{
		Name: TileWithheld, Log: string(head.Log), Index: index(file.Index * tlog.TileWidth << (8 * file.Level)),
		Claimed: fmt.Sprintf("status %d", last.Status), Computed: fmt.Sprintf("a file of width %d", file.Width),
		Explanation: fmt.Sprintf("%s is not served, and the note is of %d leaves", f.Exchanges[0].Path, head.Size),
		Keys:        head.Keys,
	}, nil
}

// edgeFacts: the tiles on the right edge of a log do not give the root of its note.
type edgeFacts struct {
	Head  claim      `json:"head"`
	Tiles []exchange `json:"tiles"` // the lowest first
}

func (f *edgeFacts) judge() (Finding, error) {
	head, err := f.Head.read()
	if err != nil {
		return Finding{}, err
	}
	files := edgeFiles(head.Size)
	if len(f.Tiles) != len(files) {
		return Finding{}, notContradicting("not all tiles on the edge were asked for")
	}
	for i, e := range f.Tiles {
		if _, err := answeredWidth(head.Log, files[i], e); err != nil {
			return Finding{}, err
		}
	}
	root, _, err := edgeRoot(head, f.Tiles)
	computed := root.String()
	switch {
	case err != nil:
		computed = err.Error()
	case root == head.Root:
		return Finding{}, notContradicting("the tiles give the root of the note")
	}
	return Finding{
		Name: NoteInconsistent, Log: string(head.Log), Index: index(head.Size), Claimed: head.Root.String(), Computed: computed,
		Explanation: fmt.Sprintf("the root of the note of %d leaves is not that of the tiles served for it", head.Size),
		Keys:        head.Keys,
	}, nil
}

// envelopeFacts: a bundle of envelopes does not have what an entry commits to.
type envelopeFacts struct {
	Head     claim           `json:"head"`
	Index    uint64          `json:"index"`
	Entry    []byte          `json:"entry"`
	Path     []protocol.Hash `json:"path"`
	Exchange exchange        `json:"exchange"`
	// Part is what the bundle has for the entry, if the bundle is long: its bytes are
	// left out of Exchange then.
	Part *tlog.NamedEnvelope `json:"part,omitempty"`
}

// maxBundleKept is how many bytes of a bundle of envelopes go into evidence.
const maxBundleKept = 4 << 20

// newEnvelopeFacts leaves out what is long and not needed.
func newEnvelopeFacts(head claim, at uint64, entry []byte, path []protocol.Hash, e exchange, envelopes []tlog.NamedEnvelope) *envelopeFacts {
	f := &envelopeFacts{Head: head, Index: at, Entry: entry, Path: path, Exchange: e}
	within := at % tlog.TileWidth
	if len(e.Answer) > maxBundleKept {
		f.Exchange.Answer = e.Answer[:maxBundleKept] // of one that can not be read
		if within < uint64(len(envelopes)) {
			f.Exchange.Answer, f.Part = nil, &envelopes[within]
		}
	}
	return f
}

func (f *envelopeFacts) judge() (Finding, error) {
	head, err := f.Head.read()
	if err != nil {
		return Finding{}, err
	}
	if err := verifyNode(0, f.Index, leafHash(f.Entry), f.Path, head.Size, head.Root); err != nil {
		return Finding{}, err
	}
	leaf, err := protocol.ParseLogLeaf(f.Entry)
	if err != nil {
		return Finding{}, err
	}
	file, err := fileOf(head.Log, f.Exchange)
	if err != nil || file.Kind != tlog.Envelopes || f.Index/tlog.TileWidth != file.Index || !f.Exchange.has() {
		return Finding{}, notContradicting("%s is not the bundle of envelopes of entry %d", f.Exchange, f.Index)
	}
	finding := Finding{
		Name: EnvelopeNotLeaf, Log: string(head.Log), Index: &f.Index,
		Computed: fmt.Sprintf("record %s of log %s", leaf.RecordID, leaf.LogID), Keys: head.Keys,
		Explanation: fmt.Sprintf("what %s has for entry %d does not hash to the entry", f.Exchange.Path, f.Index),
	}
	named := f.Part
	if named == nil {
		envelopes, err := tlog.ParseEnvelopes(f.Exchange.Answer, file.Width)
		if err != nil {
			finding.Claimed = "no bundle of envelopes: " + err.Error()
			return finding, nil
		}
		at := f.Index % tlog.TileWidth
		if at >= uint64(len(envelopes)) {
			return Finding{}, notContradicting("the bundle does not go as far as entry %d", f.Index)
		}
		named = &envelopes[at]
	}
	if _, err = tlog.CheckEnvelope(leaf, *named); err == nil {
		return Finding{}, notContradicting("the envelope is that of the entry")
	}
	finding.Claimed = err.Error()
	return finding, nil
}
