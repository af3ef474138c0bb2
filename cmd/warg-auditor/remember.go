package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/audit"
)

// toldSpace is the space of the state with the findings that were told: by their key a
// [toldFinding] as JSON.
const toldSpace = "told"

// toldFinding is a finding with where its evidence is, as JSON.
type toldFinding struct {
	audit.Finding
	EvidenceFile string `json:"evidence,omitempty"`
	// FoundBefore is when an earlier process told it; nil for what is new.
	FoundBefore *time.Time `json:"foundBefore,omitempty"`
}

// lines tell it to people.
func (f toldFinding) lines() []string {
	lines := findingLines(f.Finding)
	if f.EvidenceFile != "" {
		lines = append(lines, "  evidence: "+f.EvidenceFile)
	}
	switch {
	case f.FoundBefore == nil:
	case f.FoundBefore.IsZero():
		lines = append(lines, "  found before")
	default:
		lines = append(lines, "  found before: "+f.FoundBefore.UTC().Format(time.RFC3339))
	}
	return lines
}

// recall reads from the store what earlier processes have found, and says it again; nobody
// is alerted again.
func (t *teller) recall(ctx context.Context) error {
	var after []byte
	for {
		items, err := t.store.List(ctx, toldSpace, after, maxListedOnce)
		if err != nil {
			return err
		}
		for _, item := range items {
			after = item.Key
			var f toldFinding
			if json.Unmarshal(item.Value, &f) != nil { // a version that remembered names alone
				f.Finding = audit.Finding{Name: audit.Name(item.Value), Log: "the registry", Explanation: "the file with its evidence says what"}
				f.FoundBefore = new(time.Time)
			}
			t.keep(string(item.Key), f)
			t.say(f)
		}
		if len(items) < maxListedOnce {
			return nil
		}
	}
}

func (t *teller) keep(key string, f toldFinding) {
	if t.open == nil {
		t.open = map[string]toldFinding{}
	}
	f.Evidence = nil // it is in its file
	t.open[key] = f
}

// remember keeps what was told, for later processes too.
func (t *teller) remember(ctx context.Context, key string, f toldFinding) error {
	t.keep(key, f)
	if t.store == nil {
		return nil
	}
	now := time.Now().UTC().Truncate(time.Second)
	f.FoundBefore = &now // as a later process sees it
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return t.store.Commit(ctx, []audit.Put{{Space: toldSpace, Key: []byte(key), Value: text}})
}

// endRound ends a round that came to its end, and forgets what it would have found again
// and has not, because it is well again: what is withheld or late, which has honest causes.
// A lie is not undone by telling the truth later.
func (t *teller) endRound(ctx context.Context, r *audit.Report, o audit.Options) {
	defer func() { t.seen = nil }()
	for _, f := range r.Findings {
		if f.Name == audit.TileWithheld || !canHeal(f.Name) {
			return // it may have kept the round from looking further
		}
	}
	for key, f := range t.open {
		if t.seen[key] || r.Suppressed[f.Name] > 0 || !canHeal(f.Name) || !lookedAt(f.Name, r, o) {
			continue
		}
		if t.store != nil {
			if err := t.store.Commit(ctx, []audit.Put{{Space: toldSpace, Key: []byte(key)}}); err != nil {
				t.fail(err)
				continue
			}
		}
		delete(t.open, key)
		if t.before != nil {
			t.before()
		}
		t.out.say("well", f, "well again: "+f.Finding.String())
	}
}

// canHeal tells of a finding that it can become well: the engine tells it in each round
// until it is.
func canHeal(name audit.Name) bool {
	switch name {
	case audit.ContentWithheld, audit.WithheldListRewound, audit.CheckpointStale, audit.TileWithheld, audit.NoteStale, audit.CosignatureQuorum, audit.APILogDiffers:
		return true
	}
	return false
}

// lookedAt tells of a finding that can become well whether a complete round has looked at
// it again.
func lookedAt(name audit.Name, r *audit.Report, o audit.Options) bool {
	passedOver := map[string]bool{}
	for _, u := range r.Unchecked {
		passedOver[u.What] = true
	}
	switch name {
	case audit.ContentWithheld:
		return o.Content
	case audit.WithheldListRewound:
		return !passedOver["withheld"]
	case audit.CheckpointStale:
		return r.Checkpoint != nil && (o.MaxCheckpointAge > 0 || r.Mode == "tlog" && o.MaxCheckpointAge == 0)
	case audit.CosignatureQuorum, audit.NoteStale: // of which one kind is about cosignatures
		return r.Mode == "tlog" && len(o.Policy) > 0
	case audit.APILogDiffers:
		return !passedOver["v1 API"] && !passedOver["answers of the API"]
	}
	return r.Mode == "tlog" // tiles
}
