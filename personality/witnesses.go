package personality

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/files"
	"github.com/warg-trillian/warg-trillian/personality/internal/parts"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/witness"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	wargwitness "github.com/warg-trillian/warg-trillian/warg/witness"
)

// Witnesses says who cosigns the checkpoints of both logs.
type Witnesses struct {
	// PolicyFile is a C2SP tlog-policy that names witnesses, each with a URL, and a
	// quorum of them; empty: nobody is asked. [Server.Reload] reads it again.
	PolicyFile string
	// Interval is the least time between two checkpoints of a log that are sent to the
	// witnesses.
	Interval time.Duration
	// FailOpen serves the newest checkpoint that is signed, whether or not a quorum has
	// cosigned it.
	FailOpen bool
}

// witnesses has the checkpoints of a registry cosigned.
type witnesses struct {
	*witness.Pusher
	db   *store.DB
	file string

	failOpen bool
	leads    func() bool
	vkeys    []string // public note keys of both logs
	logger   *slog.Logger
}

// Limits on the connections to witnesses.
const (
	witnessDialTimeout = 5 * time.Second
	witnessMaxHeaders  = 64 << 10
)

// openWitnesses makes the pusher, if there is a policy. logs are the two logs of p.
func (s *Server) openWitnesses(ctx context.Context, p *parts.Options, observer witness.Observer) error {
	o := s.options.Witnesses
	if s.rebuilding {
		return nil
	}
	if o.PolicyFile == "" {
		return p.Store.Update(ctx, func(tx *store.Tx) error { return noteServing(tx, false) })
	}
	policy, err := loadPolicy(o.PolicyFile)
	if err != nil {
		return err
	}
	if o.Interval < minWitnessInterval {
		return fmt.Errorf("--witness-interval: %v is too short: at least %v", o.Interval, minWitnessInterval)
	}
	w := &witnesses{db: p.Store, file: o.PolicyFile, failOpen: o.FailOpen, logger: s.options.Logger, leads: func() bool { return s.registry.Leads() }}
	for _, log := range tlog.Logs {
		w.vkeys = append(w.vkeys, s.vkeys[log]...)
	}
	w.Pusher, err = witness.New(witness.Options{
		Logs: map[tlog.Log]witness.Source{
			tlog.Records:     witnessedLog{p.Records, p.Store, tlog.Records},
			tlog.Checkpoints: witnessedLog{p.Checkpoints, p.Store, tlog.Checkpoints},
		},
		Storage: witnessStorage{p.Store}, Policy: policy, Interval: o.Interval,
		Leading: w.leads,
		Client: &http.Client{Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: witnessMaxHeaders,
			DialContext: (&net.Dialer{Timeout: witnessDialTimeout}).DialContext, TLSHandshakeTimeout: witnessDialTimeout,
			DisableKeepAlives: true, // what came on an idle connection would be logged, whatever it is
		}},
		Now: s.options.Now, Logger: s.options.Logger, Observer: observer,
	})
	if err != nil {
		return fmt.Errorf("--witness-policy-file: %s: %w", o.PolicyFile, err)
	}
	w.warnOfOtherLogs()
	s.witnesses = w
	p.OnlyCosigned = w.onlyCosigned
	return w.dropShort(ctx)
}

// onlyCosigned tells whether only notes are served that a quorum has cosigned.
func (w *witnesses) onlyCosigned() bool { return !w.failOpen && w.Policy().Quorum() != noQuorum }

const (
	// noQuorum is the quorum of a policy that asks for none.
	noQuorum = "none"
	// minWitnessInterval keeps a registry from being a nuisance.
	minWitnessInterval = 100 * time.Millisecond
)

func loadPolicy(path string) (*wargwitness.Policy, error) {
	text, err := files.Read(path, files.ListSize)
	if err != nil {
		return nil, fmt.Errorf("--witness-policy-file: %w", err)
	}
	policy, err := wargwitness.ParsePolicy(text)
	if err != nil {
		return nil, fmt.Errorf("--witness-policy-file: %s: %w", path, err)
	}
	return policy, nil
}

// reload reads the policy again.
func (w *witnesses) reload(ctx context.Context) error {
	policy, err := loadPolicy(w.file)
	if err != nil {
		return err
	}
	if err := w.SetPolicy(policy); err != nil {
		return fmt.Errorf("--witness-policy-file: %s: %w", w.file, err)
	}
	w.warnOfOtherLogs()
	return w.dropShort(ctx)
}

// warnOfOtherLogs says that a policy speaks of other logs than these: whoever is given
// it will not believe them.
func (w *witnesses) warnOfOtherLogs() {
	logs := w.Policy().Logs()
	ours := slices.ContainsFunc(logs, func(l wargwitness.LogKey) bool {
		return slices.ContainsFunc(w.vkeys, func(key string) bool { return key == l.VKey })
	})
	if len(logs) > 0 && !ours {
		w.logger.Warn("the witness policy names logs, and none of this registry", "file", w.file)
	}
}

// dropShort forgets stored cosigned notes that are short of the quorum of the present
// policy: they would be served as if it had been met.
func (w *witnesses) dropShort(ctx context.Context) error {
	return w.db.Update(ctx, func(tx *store.Tx) error {
		for _, log := range tlog.Logs {
			note, err := tx.CosignedNote(log)
			if err != nil {
				return err
			}
			if note.Size == 0 {
				continue
			}
			if _, err := w.Policy().Check(note.Text); err != nil {
				if err := tx.DropCosignedNote(log, note); err != nil {
					return err
				}
			}
		}
		return noteServing(tx, w.onlyCosigned())
	})
}

// servingKey is under what name the database keeps which notes are served: "signed", or
// only "cosigned" ones.
const servingKey = "notes served"

// noteServing notes which notes are served from now on. Where signed ones were served and
// only cosigned ones are now, those that are behind are forgotten: to whoever has seen
// more, the log would seem to go back.
func noteServing(tx *store.Tx, onlyCosigned bool) error {
	serving := "signed"
	if onlyCosigned {
		serving = "cosigned"
	}
	before, err := optional(tx.Meta(servingKey))
	if err != nil || string(before) == serving {
		return err
	}
	for _, log := range tlog.Logs {
		if !onlyCosigned {
			break
		}
		signed, err := tx.SignedNote(log)
		if err != nil {
			return err
		}
		cosigned, err := tx.CosignedNote(log)
		if err == nil && cosigned.Size > 0 && cosigned.Size < signed.Size {
			err = tx.DropCosignedNote(log, cosigned)
		}
		if err != nil {
			return err
		}
	}
	return tx.ReplaceMeta(servingKey, []byte(serving))
}

// remarks are what is wrong with witnesses, a line each; none if all is well.
func (w *witnesses) remarks() (lines []string) {
	for _, l := range w.Status() {
		if l.Problem != nil {
			lines = append(lines, fmt.Sprintf("cosigning of the %s log: %v", l.Log, l.Problem))
		}
		switch {
		case l.CosignedSize == 0 && w.onlyCosigned() && w.leads():
			lines = append(lines, fmt.Sprintf("no checkpoint of the %s log has been cosigned by the quorum, so none is served", l.Log))
		case l.CosignedSize < l.Size:
			lines = append(lines, fmt.Sprintf("checkpoint %d of the %s log is short of its quorum; the newest that has it is %d", l.Size, l.Log, l.CosignedSize))
		}
		for _, by := range l.Witnesses {
			switch {
			case by.Alarm:
				lines = append(lines, fmt.Sprintf("witness %s has ANOTHER ROOT of the %s log: %v", by.Name, l.Log, by.Problem))
			case by.Problem != nil:
				lines = append(lines, fmt.Sprintf("witness %s does not cosign the %s log (%s): %v", by.Name, l.Log, by.Outcome, by.Problem))
			}
		}
	}
	return lines
}

// provedLog is a log that can prove its growth.
type provedLog interface {
	ConsistencyProof(ctx context.Context, from, to uint64) ([][]byte, error)
}

// witnessedLog is a log as its witnesses are shown it.
type witnessedLog struct {
	provedLog
	db   *store.DB
	name tlog.Log
}

// SignedNote implements [witness.Source].
func (l witnessedLog) SignedNote(ctx context.Context) (note []byte, size uint64, err error) {
	return viewNote(ctx, l.db, l.name, (*store.Tx).SignedNote)
}

func viewNote(ctx context.Context, db *store.DB, log tlog.Log, read func(*store.Tx, tlog.Log) (store.Note, error)) ([]byte, uint64, error) {
	var note store.Note
	err := db.View(ctx, func(tx *store.Tx) (err error) {
		note, err = read(tx, log)
		return err
	})
	return note.Text, note.Size, err
}

// witnessStorage is [witness.Storage] in the registry's database.
type witnessStorage struct{ db *store.DB }

func (s witnessStorage) WitnessSizes(ctx context.Context, log tlog.Log) (sizes map[protocol.Hash]uint64, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		sizes, err = tx.Witnessed(log)
		return err
	})
	return sizes, err
}

func (s witnessStorage) SetWitnessSize(ctx context.Context, log tlog.Log, key protocol.Hash, size uint64) error {
	return s.db.Update(ctx, func(tx *store.Tx) error { return tx.SetWitnessed(log, key, size) })
}

func (s witnessStorage) Cosigned(ctx context.Context, log tlog.Log) ([]byte, uint64, error) {
	return viewNote(ctx, s.db, log, (*store.Tx).CosignedNote)
}

func (s witnessStorage) SetCosigned(ctx context.Context, log tlog.Log, size uint64, note []byte) error {
	return s.db.Update(ctx, func(tx *store.Tx) error { return tx.PutCosignedNote(log, store.Note{Size: size, Text: note}) })
}
