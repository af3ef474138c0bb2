package liar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/warg-trillian/warg-trillian/personality/index"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Keys are those of a registry's operator.
type Keys struct {
	Operator protocol.PrivateKey
	Notes    map[tlog.Log]*tlog.NoteKey
}

// Record is a record of the records log.
type Record struct {
	Leaf protocol.LogLeaf
	tlog.NamedEnvelope
}

// Copy is a copy of a registry's logs, which may be changed.
type Copy struct {
	Keys
	Records     []Record
	Checkpoints []protocol.Checkpoint
	Signed      protocol.SignedCheckpoint // the latest checkpoint of the v1 API
}

// CopyOf reads the logs of a registry as far as its notes go.
func CopyOf(ctx context.Context, url string, keys Keys) (*Copy, error) {
	c := &Copy{Keys: keys}
	signed, err := get(ctx, url+"/"+api.FetchCheckpointPath)
	if err == nil {
		err = c.Signed.UnmarshalJSON(signed)
	}
	if err != nil {
		return nil, err
	}
	err = each(ctx, url, tlog.Records, tlog.Entries, func(data []byte, width int) error {
		entries, err := tlog.ParseEntries(data, width)
		for _, entry := range entries {
			leaf, err := protocol.ParseLogLeaf(entry)
			if err != nil {
				return err
			}
			c.Records = append(c.Records, Record{Leaf: leaf})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	n := 0
	err = each(ctx, url, tlog.Records, tlog.Envelopes, func(data []byte, width int) error {
		envelopes, err := tlog.ParseEnvelopes(data, width)
		for _, e := range envelopes {
			c.Records[n].NamedEnvelope = e
			n++
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, each(ctx, url, tlog.Checkpoints, tlog.Entries, func(data []byte, width int) error {
		entries, err := tlog.ParseEntries(data, width)
		for _, entry := range entries {
			checkpoint, err := parseCheckpoint(entry)
			if err != nil {
				return err
			}
			c.Checkpoints = append(c.Checkpoints, checkpoint)
		}
		return err
	})
}

// each reads all bundles of a kind.
func each(ctx context.Context, url string, log tlog.Log, kind tlog.Kind, f func(data []byte, width int) error) error {
	note, err := get(ctx, url+"/"+log.Path()+"/"+tlog.CheckpointPath)
	if err != nil {
		return err
	}
	head, err := tlog.HeadOf(note)
	if err != nil {
		return err
	}
	for _, file := range tlog.FilesOf(0, head.Size, kind) {
		if file.Kind != kind {
			continue
		}
		data, err := get(ctx, url+"/"+log.Path()+"/"+file.Path())
		if err != nil {
			return err
		}
		if err := f(data, file.Width); err != nil {
			return fmt.Errorf("%s: %w", file.Path(), err)
		}
	}
	return nil
}

func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d: %.200s", url, response.StatusCode, body)
	}
	return body, err
}

// parseCheckpoint finds the checkpoint that is encoded in some way: the length and the
// roots stand there in order.
func parseCheckpoint(entry []byte) (c protocol.Checkpoint, err error) {
	const tag, hash = len("WARG-CHECKPOINT-V0"), len("sha256:") + 64
	if len(entry) < tag+2*hash+3 {
		return c, errors.New("no checkpoint")
	}
	at, shift := tag, 0
	for ; entry[at] >= 0x80; at, shift = at+1, shift+7 {
		c.LogLength |= uint64(entry[at]&0x7f) << shift
	}
	c.LogLength |= uint64(entry[at]) << shift
	at += 2
	if c.LogRoot, err = protocol.ParseHash(string(entry[at : at+hash])); err != nil {
		return c, err
	}
	at += hash + 1
	c.MapRoot, err = protocol.ParseHash(string(entry[at : at+hash]))
	return c, err
}

// Append appends a record, valid or not, to the records log.
func (c *Copy) Append(name string, envelope protocol.Envelope) {
	leaf := protocol.LogLeaf{LogID: protocol.OperatorLogID(), RecordID: protocol.OperatorRecordID(envelope.Content)}
	if name != "" {
		parsed, err := protocol.ParsePackageName(name)
		if err != nil {
			panic(err) // of a test
		}
		leaf = protocol.LogLeaf{LogID: parsed.LogID(), RecordID: protocol.PackageRecordID(envelope.Content)}
	}
	c.Records = append(c.Records, Record{leaf, tlog.NamedEnvelope{Name: name, Envelope: envelope.MarshalProto()}})
}

// Checkpoint makes the checkpoint of the first records, with the roots that they have.
func (c *Copy) Checkpoint(length int) protocol.Checkpoint {
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	var changes []index.Change
	for _, r := range c.Records[:length] {
		hash := r.Leaf.Hash()
		if err := tree.Append(hash[:], nil); err != nil {
			panic(err)
		}
		changes = append(changes, index.Change{LogID: r.Leaf.LogID, RecordID: r.Leaf.RecordID})
	}
	root, err := tree.GetRootHash(nil)
	if err != nil {
		panic(err)
	}
	mapRoot, _, err := index.NewTree(nil).Update(context.Background(), noTiles{}, index.Snapshot{}, changes)
	if err != nil {
		panic(err)
	}
	return protocol.Checkpoint{LogRoot: protocol.Hash(root), LogLength: uint64(length), MapRoot: mapRoot}
}

// noTiles are those of an empty index.
type noTiles struct{}

func (noTiles) Tiles(context.Context, [][]byte, uint64) (map[string][]byte, error) { return nil, nil }

// Cover adds the checkpoint of all records to the checkpoints log and signs it.
func (c *Copy) Cover() {
	c.Add(c.Checkpoint(len(c.Records)))
}

// Add adds a checkpoint to the checkpoints log and signs it.
func (c *Copy) Add(checkpoint protocol.Checkpoint) {
	c.Checkpoints = append(c.Checkpoints, checkpoint)
	c.Sign(checkpoint, time.Now(), c.Operator)
}

// Sign makes a checkpoint the latest of the v1 API.
func (c *Copy) Sign(checkpoint protocol.Checkpoint, at time.Time, key protocol.PrivateKey) {
	c.Signed = protocol.TimestampedCheckpoint{Checkpoint: checkpoint, Timestamp: uint64(at.Unix())}.Sign(key)
}

// Entries are those of a log.
func (c *Copy) Entries(log tlog.Log) (entries [][]byte) {
	if log == tlog.Checkpoints {
		for _, checkpoint := range c.Checkpoints {
			entries = append(entries, checkpoint.Encode())
		}
		return entries
	}
	for _, r := range c.Records {
		entries = append(entries, r.Leaf.Encode())
	}
	return entries
}

// Publish has a liar serve the copy: all files of both logs, with new notes, and the
// latest checkpoint.
func (c *Copy) Publish(l *Liar) error {
	for _, log := range tlog.Logs {
		note, err := c.publishFiles(l, log)
		if err != nil {
			return err
		}
		l.Serve("/"+log.Path()+"/"+tlog.CheckpointPath, note)
	}
	text, err := c.Signed.MarshalJSON()
	l.Serve("/"+api.FetchCheckpointPath, text)
	return err
}

// Note signs the tree head of a log.
func (c *Copy) Note(log tlog.Log) ([]byte, error) {
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for _, entry := range c.Entries(log) {
		if err := tree.Append(rfc6962.DefaultHasher.HashLeaf(entry), nil); err != nil {
			return nil, err
		}
	}
	root, err := tree.GetRootHash(nil)
	if err != nil {
		return nil, err
	}
	key := c.Notes[log]
	return key.Sign(tlog.TreeHead{Origin: key.Name(), Size: tree.End(), Root: protocol.Hash(root)})
}

// publishFiles has a liar serve the tiles and bundles of a log, and returns its note.
func (c *Copy) publishFiles(l *Liar, log tlog.Log) ([]byte, error) {
	entries := c.Entries(log)
	size := uint64(len(entries))
	files := map[string][]byte{}
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for _, entry := range entries {
		err := tree.Append(rfc6962.DefaultHasher.HashLeaf(entry), func(id compact.NodeID, hash []byte) {
			if id.Level%8 == 0 {
				level, n := int(id.Level/8), id.Index/tlog.TileWidth
				path := tlog.File{Kind: tlog.Tile, Level: level, Index: n, Width: tlog.Width(level, n, size)}.Path()
				files[path] = append(files[path], hash...)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	for n := uint64(0); n*tlog.TileWidth < size; n++ {
		f := tlog.File{Kind: tlog.Entries, Index: n, Width: tlog.Width(0, n, size)}
		first := int(n * tlog.TileWidth)
		bundle, err := tlog.EncodeEntries(entries[first : first+f.Width])
		if err != nil {
			return nil, err
		}
		files[f.Path()] = bundle
		if log == tlog.Records {
			var envelopes []tlog.NamedEnvelope
			for _, r := range c.Records[first : first+f.Width] {
				envelopes = append(envelopes, r.NamedEnvelope)
			}
			f.Kind = tlog.Envelopes
			files[f.Path()] = tlog.EncodeEnvelopes(envelopes)
		}
	}
	for path, data := range files {
		l.Serve("/"+log.Path()+"/"+path, data)
	}
	return c.Note(log)
}
