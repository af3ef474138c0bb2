package personality

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/federation"
	"github.com/warg-trillian/warg-trillian/personality/federation/proxy"
	"github.com/warg-trillian/warg-trillian/personality/mirror"
	"github.com/warg-trillian/warg-trillian/personality/outbound"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/witness"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// leaderBeats is in what time a leader's heart beats: twice, and some for a slow machine.
const leaderBeats = 3 * time.Second

// look makes sure, as far as that can be, that nothing newer than what is held here is known,
// and names what is lost.
func (s *Server) look(ctx context.Context, p PromoteOptions, known promotion, keys map[tlog.Log]*tlog.NoteKey, done *Promoted) (err error) {
	done.Asked = []string{p.Old.URL}
	if known.at != "" && known.at != p.Old.URL {
		done.Asked = append(done.Asked, known.at)
	}
	for _, url := range done.Asked {
		old := p.Old
		old.URL = url
		doubt, err := askOld(ctx, old, known)
		if err != nil {
			return err
		}
		if doubt != "" {
			done.Doubts = append(done.Doubts, doubt)
		}
	}
	more, err := s.askWitnesses(ctx, known, keys)
	if err != nil {
		return err
	}
	done.Doubts = append(done.Doubts, more...)
	done.Records = known.Records.Size
	if p.OldDatabase != nil {
		var leads bool
		if done.Lost, leads, err = lostIn(ctx, p, known.Staged, s.options.Logger); err != nil {
			return err
		}
		if leads {
			done.Doubts = append(done.Doubts, "a process of the old registry still leads on its database: stop all of them first")
		}
	}
	if len(done.Doubts) > 0 && !p.Lose {
		return &RefusedError{done.Doubts}
	}
	return nil
}

// askOld asks the old registry at an address, and returns why there may be something newer
// there than what is held here; "" if nothing is there.
func askOld(ctx context.Context, old federation.Registry, known promotion) (doubt string, err error) {
	client, err := proxy.NewHTTPClient(old, federation.ID(protocol.HashOf([]byte(old.URL))), func(*http.Response, error) {})
	if err != nil {
		return "", err
	}
	defer client.CloseIdleConnections()
	theirs, err := mirror.AskNewest(ctx, old, client)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	failed, _ := errors.AsType[*outbound.Error](err)
	lookup, unknown := errors.AsType[*net.DNSError](err)
	switch {
	case unknown && lookup.IsNotFound && old.URL == known.at:
		return "", nil // the standby followed it by this name, which is gone with it
	case unknown && lookup.IsNotFound && known.at != "":
		return fmt.Sprintf("the name in %s does not exist: that was not where the old registry was. The standby followed it at %s", old.URL, known.at), nil
	case unknown:
		return fmt.Sprintf("the name in %s cannot be looked up, so that the old registry was not asked: %v", old.URL, lookup), nil
	case failed != nil && failed.Unreached():
		return "", nil
	case err != nil:
		return fmt.Sprintf("something is at the address of the old registry, %s, and does not answer with a checkpoint: %v", old.URL, err), nil
	case theirs.LogLength > known.Records.Size:
		return fmt.Sprintf("the old registry at %s has published %d records, and the standby holds %d: let the standby catch up first", old.URL, theirs.LogLength, known.Records.Size), nil
	}
	return fmt.Sprintf("the old registry at %s still answers: stop it first, or it goes on publishing beside the new one", old.URL), nil
}

// askWitnesses asks each witness of the policy for both logs.
func (s *Server) askWitnesses(ctx context.Context, known promotion, keys map[tlog.Log]*tlog.NoteKey) (doubts []string, err error) {
	if s.options.Witnesses.PolicyFile == "" {
		return nil, nil
	}
	policy, err := loadPolicy(s.options.Witnesses.PolicyFile)
	if err != nil {
		return nil, err
	}
	for _, log := range tlog.Logs {
		root := known.Records
		if log == tlog.Checkpoints {
			root = known.Checkpoints
		}
		note, err := keys[log].Sign(tlog.TreeHead{Origin: keys[log].Name(), Size: root.Size, Root: root.Hash})
		if err != nil {
			return nil, err
		}
		for _, w := range policy.Witnesses() {
			if err := witness.AskNewest(ctx, http.DefaultClient, w, note, root.Size); err != nil {
				doubts = append(doubts, fmt.Sprintf("witness %s, about the %s log: %v", w.Name, log, err))
			}
		}
	}
	return doubts, nil
}

// lostIn returns the records that the old registry has acknowledged, and that are not
// published below a length. Its data folder must be in use by nobody; of a database that
// processes share, leads tells whether one of them still publishes.
func lostIn(ctx context.Context, p PromoteOptions, length uint64, log *slog.Logger) (lost []store.UnpublishedRecord, leads bool, err error) {
	old := &Server{options: Options{DataDir: p.OldDataDir}}
	defer func() { err = errors.Join(err, old.Close()) }()
	if p.OldDataDir != "" {
		if err := old.lockDataDir(); err != nil {
			return nil, false, err
		}
	}
	db, err := p.OldDatabase.Open(ctx, log)
	if err != nil {
		return nil, false, fmt.Errorf("the old registry's database: %w", err)
	}
	old.closers = append(old.closers, db.Close)
	err = db.View(ctx, func(tx *store.Tx) error {
		found, err := tx.NotBelow(length, maxLost)
		lost = append([]store.UnpublishedRecord{}, found...)
		return err
	})
	if err == nil && p.OldDatabase.Shared() {
		leads, err = someoneLeads(ctx, db)
	}
	return lost, leads, err
}

// someoneLeads watches whether the heart of a leader beats.
func someoneLeads(ctx context.Context, db *store.DB) (bool, error) {
	var seen [2]store.Leader
	for i := range seen {
		if i > 0 {
			select {
			case <-time.After(leaderBeats):
			case <-ctx.Done():
				return false, ctx.Err()
			}
		}
		err := db.View(ctx, func(tx *store.Tx) (err error) {
			seen[i], err = tx.Leader()
			return err
		})
		if err != nil {
			return false, err
		}
	}
	return seen[0] != seen[1], nil
}
