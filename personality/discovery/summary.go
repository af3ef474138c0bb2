package discovery

import (
	"encoding/json"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// summaryColumns are what a summary is made of, of a release r with its package p and content
// c, in the order of scanSummary.
const summaryColumns = `p.name, r.id, r.rank, r.version, c.digest, r.time, r.key, r.record, c.kind, c.description, c.license, c.size, c.state, c.module, c.withheld, r.content,
	r.yank, r.yank_record, r.yank_time, r.yank_key`

// found is a release of an answer, with where it is in the index.
type found struct {
	discovery.Summary
	id      int64 // entry
	rank    []byte
	content int64
	tags    []byte // packed; only of what is read for facets
	place   place  // behind it
}

// scanSummary scans summaryColumns, and more columns behind them.
func (x *Index) scanSummary(t tx, scan func(...any) error, more ...any) (f found, err error) {
	var digest, record, yankRecord []byte
	var released, key int64
	var state, module int
	var reason *string
	var yank, yankTime, yankKey *int64
	into := []any{
		&f.Name, &f.id, &f.rank, &f.Version, &digest, &released, &key, &record, &f.Kind, &f.Description, &f.License, &f.Size, &state, &module, &reason, &f.content,
		&yank, &yankRecord, &yankTime, &yankKey,
	}
	if err := scan(append(into, more...)...); err != nil {
		return f, err
	}
	if f.Key, err = t.keyOf(key); err != nil {
		return f, err
	}
	copy(f.Digest[:], digest)
	copy(f.Record[:], record)
	f.Released, f.RegistryIndex = timeOf(released), indexOf(f.id)
	if name, err := protocol.ParsePackageName(f.Name); err == nil {
		f.LogID = name.LogID()
	}
	f.Described = x.describedState(state, module)
	if yank != nil && yankKey != nil && yankTime != nil {
		f.Yanked = &discovery.Change{Time: timeOf(*yankTime), RegistryIndex: indexOf(*yank)}
		if f.Yanked.Key, err = t.keyOf(*yankKey); err != nil {
			return f, err
		}
		copy(f.Yanked.Record[:], yankRecord)
	}
	if reason != nil {
		f.Withheld = &discovery.Reason{}
		if err := json.Unmarshal([]byte(*reason), f.Withheld); err != nil {
			return f, err
		}
		f.Kind, f.Description, f.License, f.Size = "", "", "", 0 // it is in the bytes that are withheld
	}
	return f, nil
}

func (x *Index) describedState(state, module int) string {
	switch {
	case state == stateNot:
		return discovery.Undescribed
	case state == stateWaiting && x.options.Describer == nil:
		return discovery.Undescribed
	case state == stateWaiting:
		return discovery.NotYet
	case x.options.Describer != nil && module != x.options.Describer.Version():
		return discovery.DescribedOld
	}
	return discovery.Described
}
