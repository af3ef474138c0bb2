package audit

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

func recordsFile(w *world, kind tlog.Kind) string {
	return tlog.Records.Path() + "/" + tlog.File{Kind: kind, Width: int(w.size(tlog.Records))}.Path()
}

var fileLies = []lieTest{
	{what: "a tile", name: TileDiffers, lie: func(w *world, _ *Options) { w.tamper = tampered(recordsFile(w, tlog.Tile), flip) }},
	{what: "a bundle of entries", name: TileDiffers, lie: func(w *world, _ *Options) {
		w.some(1)
		w.tamper = tampered(recordsFile(w, tlog.Entries), func(status int, answer []byte) (int, []byte) {
			answer[len(answer)-1] ^= 1
			return status, answer
		})
	}},
	{what: "cut off", name: TileDiffers, lie: func(w *world, _ *Options) {
		w.tamper = tampered(recordsFile(w, tlog.Tile), func(status int, answer []byte) (int, []byte) { return status, answer[:40] })
	}},
	{what: "too long", name: TileDiffers, lie: func(w *world, _ *Options) {
		w.tamper = tampered(recordsFile(w, tlog.Tile), func(status int, answer []byte) (int, []byte) { return status, append(answer, make([]byte, maxTile)...) })
	}},
	{what: "a bundle of entries that is too long", name: TileDiffers, lie: func(w *world, _ *Options) {
		w.some(1)
		w.tamper = tampered(recordsFile(w, tlog.Entries), func(status int, answer []byte) (int, []byte) {
			return status, append(answer, make([]byte, maxEntries)...)
		})
	}},
	{what: "a tile", name: TileWithheld, lie: func(w *world, _ *Options) {
		file, full := recordsFile(w, tlog.Tile), tlog.Records.Path()+"/tile/0/000"
		w.tamper = func(path string, _ []byte, status int, answer []byte) (int, []byte) {
			if path == file || path == full {
				return 404, nil
			}
			return status, answer
		}
	}},
	{what: "another envelope", name: EnvelopeNotLeaf, lie: func(w *world, _ *Options) {
		w.some(1)
		w.records[len(w.records)-1].named.Envelope = w.records[len(w.records)-2].named.Envelope
	}, beside: []Name{APILogDiffers, ReleaseDropped}},
	{what: "another name", name: EnvelopeNotLeaf, lie: func(w *world, _ *Options) {
		w.some(1)
		w.tamper = tampered(recordsFile(w, tlog.Envelopes), func(status int, answer []byte) (int, []byte) {
			return status, bytes.ReplaceAll(answer, []byte("example:pa"), []byte("example:px"))
		})
	}},
	{what: "a long bundle", name: EnvelopeNotLeaf, lie: func(w *world, _ *Options) {
		w.some(1)
		width := int(w.size(tlog.Records))
		w.tamper = tampered(recordsFile(w, tlog.Envelopes), func(status int, answer []byte) (int, []byte) {
			envelopes, err := tlog.ParseEnvelopes(answer, width)
			must(w.t, err)
			envelopes[width-1].Envelope = bytes.Repeat([]byte{8}, maxBundleKept)
			return status, tlog.EncodeEnvelopes(envelopes)
		})
	}},
	{what: "no bundle", name: EnvelopeNotLeaf, lie: func(w *world, _ *Options) {
		w.some(1)
		w.tamper = tampered(recordsFile(w, tlog.Envelopes), func(status int, answer []byte) (int, []byte) { return status, answer[:len(answer)-1] })
	}},
}

func changeLogs(change func(records []api.PublishedRecord) []api.PublishedRecord) func(w *world, _ *Options) {
	return func(w *world, _ *Options) {
		w.release("example:pa", "7.0.0")
		w.publish("example:pa", w.author)
		w.checkpoint()
		w.tamper = tampered(api.FetchLogsPath, func(status int, answer []byte) (int, []byte) {
			var r api.FetchLogsResponse
			must(w.t, r.UnmarshalJSON(answer))
			for i, p := range r.Packages {
				if len(p.Value) == 2 {
					r.Packages[i].Value = change(p.Value)
				}
			}
			return status, r.AppendJSON(nil)
		})
	}
}

func changeNames(change func(names []byte) []byte) func(w *world, _ *Options) {
	return func(w *world, _ *Options) {
		w.release("example:pa", "7.0.0")
		w.release("example:pb", "7.0.0")
		w.checkpoint()
		w.tamper = tampered(api.FetchPackageNamesPath, func(status int, answer []byte) (int, []byte) {
			answer = change(answer)
			return status, bytes.ReplaceAll(answer, []byte(",}"), []byte("}"))
		})
	}
}

func changeInclusion(change func(log *proof.LogBundle, heads *proof.MapBundle)) func(w *world, _ *Options) {
	return func(w *world, _ *Options) {
		w.some(1)
		w.tamper = tampered(api.ProveInclusionPath, func(status int, answer []byte) (int, []byte) {
			var r api.InclusionResponse
			must(w.t, r.UnmarshalJSON(answer))
			log, err := proof.DecodeLogBundle(r.Log)
			must(w.t, err)
			heads, err := proof.DecodeMapBundle(r.Map)
			must(w.t, err)
			change(&log, &heads)
			r.Log, r.Map = log.Encode(), heads.Encode()
			return status, r.AppendJSON(nil)
		})
	}
}

var apiLies = []lieTest{
	{what: "left out", name: ReleaseDropped, lie: changeLogs(func(r []api.PublishedRecord) []api.PublishedRecord { return r[1:] })},
	{what: "left out", name: APILogDiffers, lie: changeLogs(func(r []api.PublishedRecord) []api.PublishedRecord { return r[:1] })},
	{what: "another index", name: APILogDiffers, lie: changeLogs(func(r []api.PublishedRecord) []api.PublishedRecord {
		r[0].RegistryIndex--
		return r
	})},
	{what: "not in the log", name: APILogDiffers, lie: changeLogs(func(r []api.PublishedRecord) []api.PublishedRecord {
		r[1].RegistryIndex += 100
		return append(r[:1:1], r[1])
	}), beside: []Name{ReleaseDropped}},
	{what: "another signature", name: APILogDiffers, lie: changeLogs(func(r []api.PublishedRecord) []api.PublishedRecord {
		r[1].Envelope.Signature = r[0].Envelope.Signature
		return r
	})},
	{what: "denied", name: APILogDiffers, lie: func(w *world, _ *Options) {
		w.publish("example:pa", w.author)
		w.checkpoint()
		w.tamper = tampered(api.FetchLogsPath, deny)
	}},
	{what: "another name", name: APINameDiffers, lie: func(w *world, _ *Options) {
		w.release("example:pa", "7.0.0")
		w.checkpoint()
		w.tamper = tampered(api.FetchPackageNamesPath, func(status int, answer []byte) (int, []byte) {
			return status, bytes.ReplaceAll(answer, []byte("example:pa"), []byte("example:px"))
		})
	}},
	{what: "a malformed name beside it", name: APINameDiffers, lie: changeNames(func(names []byte) []byte {
		names = bytes.ReplaceAll(names, []byte("example:pa"), []byte("no name"))
		return bytes.ReplaceAll(names, []byte("example:pb"), []byte("example:px"))
	})},
	{what: "no answer", name: APINameDiffers, lie: changeNames(func([]byte) []byte { return []byte("{") })},
	{what: "a name less", name: APINameDiffers, lie: changeNames(func(names []byte) []byte {
		return regexp.MustCompile(`"[^"]*":"example:pa",?`).ReplaceAll(names, nil)
	})},
	{what: "null", name: APINameDiffers, lie: changeNames(func(names []byte) []byte {
		return bytes.ReplaceAll(names, []byte(`"example:pa"`), []byte("null"))
	})},
	{what: "no such log", name: APINameDiffers, lie: func(w *world, _ *Options) {
		w.release("example:pa", "7.0.0")
		w.checkpoint()
		w.tamper = tampered(api.FetchPackageNamesPath, deny)
	}},
	{what: "of the log", name: BundleIncomplete, lie: changeInclusion(func(log *proof.LogBundle, _ *proof.MapBundle) {
		log.IncludedNodes = log.IncludedNodes[1:]
	})},
	{what: "of the map", name: BundleIncomplete, lie: changeInclusion(func(_ *proof.LogBundle, heads *proof.MapBundle) {
		heads.Proofs = heads.Proofs[1:]
	})},
	{what: "without tiles", name: BundleIncomplete, fresh: true, lie: func(w *world, o *Options) {
		o.VKeys, o.Policy, w.noTiles = nil, nil, true
		changeInclusion(func(log *proof.LogBundle, _ *proof.MapBundle) { log.IncludedNodes = log.IncludedNodes[1:] })(w, o)
	}},
	{what: "the same again and again", name: APILogDiffers, lie: changeLogs(func(r []api.PublishedRecord) []api.PublishedRecord {
		return append(r, r...)
	})},
	{what: "another proof", name: ProofDiffers, lie: changeInclusion(func(_ *proof.LogBundle, heads *proof.MapBundle) {
		wrong := protocol.HashOf()
		heads.Proofs[0][0] = &wrong
	}), beside: []Name{CheckpointNeverServed}},
	{what: "consistency", name: ProofDiffers, lie: func(w *world, _ *Options) {
		w.some(1)
		w.tamper = tampered(api.ProveConsistencyPath, deny)
	}},
	{what: "altered", name: ContentAltered, lie: func(w *world, _ *Options) {
		w.some(1)
		for digest := range w.contents {
			w.contents[digest] = append(w.contents[digest], '!')
		}
	}},
	{what: "withheld", name: ContentWithheld, lie: func(w *world, _ *Options) {
		w.some(1)
		clear(w.contents)
	}},
	{what: "withheld by its source", name: ContentWithheld, lie: func(w *world, _ *Options) {
		w.some(1)
		w.tamper = func(path string, _ []byte, status int, answer []byte) (int, []byte) {
			if strings.HasPrefix(path, "content/") {
				return 404, nil
			}
			return status, answer
		}
	}},
	{what: "leaves", name: LogRootDiffers, fresh: true, lie: func(w *world, o *Options) {
		w.noTiles = true
		o.VKeys, o.Policy = nil, nil
		w.tamper = tampered(api.LedgerRecordsPath(7), flip)
	}},
	{what: "a record less, without tiles", name: APILogDiffers, fresh: true, lie: func(w *world, o *Options) {
		o.VKeys, o.Policy, w.noTiles = nil, nil, true
		changeLogs(func(r []api.PublishedRecord) []api.PublishedRecord { return r[:1] })(w, o)
		base := w.tamper
		w.tamper = func(path string, asked []byte, status int, answer []byte) (int, []byte) {
			if path == api.FetchLogsPath {
				var r api.FetchLogsResponse
				must(w.t, r.UnmarshalJSON(answer))
				for i := range r.Packages {
					r.Packages[i].Value = r.Packages[i].Value[1:]
				}
				return status, r.AppendJSON(nil)
			}
			return base(path, asked, status, answer)
		}
	}},
}
