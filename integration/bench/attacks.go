package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// attackTime is how long an attack takes, beside what prepares it.
const attackTime = 20 * time.Second

// attackKind is a way to mean harm to a registry, from many addresses at once.
type attackKind struct {
	name string
	// perAddress is how many clients each address has.
	perAddress int
	// prepare does what comes before, and returns what each client does until
	// its context ends.
	prepare func(context.Context, *attacks) (func(context.Context, *attacker), error)
}

// attackKinds are measured in this order. What each of them does stands at the
// function that prepares it.
var attackKinds = []attackKind{
	{"none", 1, nothing},
	{"forged-keys", 1, prepareForgedKeys},
	{"many-keys", 1, prepareManyKeys},
	{"grants", 1, prepareGrants},
	{"waiting", 1, prepareWaiting},
	{"slow-readers", 2, prepareSlowReaders},
	{"slow-uploads", 2, prepareSlowUploads},
	{"slow-bodies", 2, prepareSlowBodies},
	{"modules", 1, prepareModules},
	{"proofs", 1, prepareProofs},
}

// nothing is for comparison.
func nothing(context.Context, *attacks) (func(context.Context, *attacker), error) {
	return func(ctx context.Context, _ *attacker) { <-ctx.Done() }, nil
}

// attacks are those of one kind on one registry.
type attacks struct {
	*client        // for what is prepared
	address string // host and port
	leaves  []protocol.LogLeaf
	answers tally
}

// attackedServer starts a registry that is to be attacked; it ends with end.
type attackedServer func(ctx context.Context, name string, flags []string) (srv *server, end func() error, err error)

// measureAttacks attacks registries with embedded Trillian and SQLite, one for
// each kind of attack, with the limits as they are by default.
func measureAttacks(ctx context.Context, s *settings, t *table) error {
	return s.measureAttacksOn(ctx, t, "", func(ctx context.Context, name string, flags []string) (*server, func() error, error) {
		srv, _, err := s.newServer(ctx, name, flags...)
		return srv, func() error { return nil }, err
	})
}

// measureStackAttacks is measureAttacks on MariaDB and Trillian's own servers.
func measureStackAttacks(ctx context.Context, s *settings, t *table) (err error) {
	k, err := s.startStack(ctx)
	defer func() { err = closing(err, k.close) }()
	if err != nil {
		return err
	}
	return s.measureAttacksOn(ctx, t, "stack, ", func(ctx context.Context, name string, flags []string) (*server, func() error, error) {
		if err := k.newRegistry(); err != nil {
			return nil, nil, err
		}
		srv, err := k.personality(ctx, name, flags...)
		return srv, func() error { return k.deleteTrees(ctx) }, err
	})
}

func (s *settings) measureAttacksOn(ctx context.Context, t *table, where string, start attackedServer) error {
	flags, err := s.loopbackFlags(ctx)
	if err != nil {
		return err
	}
	for _, kind := range attackKinds {
		if s.attack != "" && !slices.Contains(strings.Split(s.attack, ","), kind.name) {
			continue
		}
		srv, end, err := start(ctx, "attack-"+kind.name, flags)
		if err != nil {
			return err
		}
		err = measureAttack(ctx, srv, kind, t, where+kind.name)
		if err := cmp.Or(closing(err, end), ctx.Err()); err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
	}
	return nil
}

// loopbackFlags have a server count the clients on loopback as any others, if it
// is able to.
func (s *settings) loopbackFlags(ctx context.Context) ([]string, error) {
	const flag = "--count-loopback"
	if s.binary == "" {
		return nil, errors.New("attacks are not measured inside this process; leave out -cpuprofile")
	}
	help, err := exec.CommandContext(ctx, s.binary, "serve", "--help").Output()
	if err != nil {
		return nil, fmt.Errorf("%s serve --help: %w", s.binary, err)
	}
	if !strings.Contains(string(help), flag) {
		return nil, nil
	}
	return []string{flag}, nil
}

// measureAttack attacks a server for a time while honest clients use it, reports
// how they fared, and kills it.
func measureAttack(ctx context.Context, srv *server, kind attackKind, t *table, title string) (err error) {
	var e endured
	defer func() {
		if !e.killed {
			err = closing(err, srv.kill)
		}
	}()
	h, err := prepareHonest(ctx, srv.client)
	if err != nil {
		return err
	}
	a := &attacks{client: srv.client, address: srv.address(), leaves: h.leaves}
	behave, err := kind.prepare(ctx, a)
	if err != nil {
		return err
	}
	e, err = srv.endure(ctx, h, func() (stop func()) { return a.start(ctx, kind.perAddress, behave) })
	if err != nil {
		return err
	}
	e.report(t, title)
	t.note("%s: answers to the attackers: %v; processor time of the server: %.2f s a second.", title, a.answers.counts, e.processor)
	return nil
}
