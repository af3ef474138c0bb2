package discovery

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// Descriptions are JSON, compressed (RFC 1951).

var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(io.Discard, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is one that there is
	}
	return w
}}

var inflaters = sync.Pool{New: func() any { return flate.NewReader(bytes.NewReader(nil)) }}

func compress(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(&b)
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func decompress(packed []byte, into any) error {
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	if err := r.(flate.Resetter).Reset(bytes.NewReader(packed), nil); err != nil {
		return err
	}
	text, err := io.ReadAll(r)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("read a stored description: %w", err)
	}
	return nil
}

// readDescription returns the description of a content, if there is one.
func readDescription(t tx, content int64) (d discovery.Description, found bool, err error) {
	var packed []byte
	found, err = t.row(`SELECT text FROM descriptions WHERE content = ?`, []any{content}, &packed)
	if err == nil && found {
		err = decompress(packed, &d)
	}
	return d, found, err
}

// readWIT returns the WIT of a content, if there is one.
func readWIT(t tx, content int64) (w discovery.WIT, found bool, err error) {
	var packed []byte
	found, err = t.row(`SELECT wit FROM descriptions WHERE content = ? AND wit IS NOT NULL`, []any{content}, &packed)
	if err == nil && found {
		err = decompress(packed, &w)
	}
	return w, found, err
}
