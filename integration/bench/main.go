// Command bench measures a whole registry: a real server process on loopback,
// real HTTP, real disk. It prints one table of figures with their targets; what
// each figure means stands in BENCHMARKS.md. The load generator runs in this
// process, so it and the server share the machine's processors.
//
//	go run ./integration/bench                       # everything, some minutes
//	go run ./integration/bench -only publish,lone
//	go run ./integration/bench -only publish -runs 1 -cpuprofile cpu.out
//	go run ./integration/bench -only attacks -attack proofs,grants
//	go run ./integration/bench -only publish,lone,chain,attacks -before /path/to/older/warg-personality
//	go run ./integration/bench -only stack,stack-quota,stack-latency,stack-failover,stack-hostile,stack-attacks
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// settings are the flags.
type settings struct {
	dir               string
	binary            string
	before            string
	reference         string
	only              string
	attack            string
	packages          int
	publishers        int
	runs              int
	lonePosts         int
	records           int
	releases          int
	largePackages     int
	discoveryPackages int
	mirrored          int
	readSeconds       float64
	cpuProfile        string

	// Not flags, but of one run: the witness policy of its registry, and what is done
	// when all is published.
	witnessPolicy string
	published     func(*server) error
}

// A part measures some figures, on data folders of its own.
type part struct {
	name    string
	measure func(context.Context, *settings, *table) error
	asked   bool // only measured if -only names it
}

var parts = []part{
	{name: "publish", measure: measurePublish},
	{name: "publish-witnessed", measure: measurePublishWitnessed},
	{name: "lone", measure: measureLone},
	{name: "read", measure: measureRead},
	{name: "read-publish", measure: measureReadPublish},
	{name: "read-bulk", measure: measureReadBulk},
	{name: "read-limit", measure: measureReadLimit},
	{name: "read-large", measure: measureReadLarge},
	{name: "large", measure: measureLarge},
	{name: "chain", measure: measureChain},
	{name: "audit", measure: measureAudit},
	{name: "mirror", measure: measureMirror, asked: true},
	{name: "discovery", measure: measureDiscovery, asked: true},
	{name: "content", measure: measureContent, asked: true}, // with servers of buckets
	{name: "oci", measure: measureOCI, asked: true},         // with wkg
	{name: "attacks", measure: measureAttacks, asked: true},
	// With MariaDB and Trillian's own servers.
	{name: "stack", measure: measureStack, asked: true},
	{name: "stack-quota", measure: measureStackQuota, asked: true},
	{name: "stack-read", measure: measureStackRead, asked: true},
	{name: "stack-latency", measure: measureStackLatency, asked: true},
	{name: "stack-failover", measure: measureFailover, asked: true},
	{name: "stack-hostile", measure: measureHostile, asked: true},
	{name: "stack-attacks", measure: measureStackAttacks, asked: true},
}

func main() {
	if answers := os.Getenv(limitVariable); answers != "" {
		fmt.Fprintln(os.Stderr, "bench:", serveLimit(answers))
		os.Exit(1)
	}
	var s settings
	var names, others []string
	for _, p := range parts {
		if p.asked {
			others = append(others, p.name)
		} else {
			names = append(names, p.name)
		}
	}
	flag.StringVar(&s.only, "only", strings.Join(names, ","), "parts to measure, comma-separated; also "+strings.Join(others, ","))
	flag.StringVar(&s.attack, "attack", "", "attacks, stack-attacks: kinds of attack, comma-separated (default: all, and none to compare with)")
	flag.StringVar(&s.dir, "dir", "", "folder for the registries' data, on the disk to be measured (default: a temporary one)")
	flag.StringVar(&s.binary, "server", "", "warg-personality program to measure (default: built from this tree)")
	flag.StringVar(&s.before, "before", "", "another warg-personality program, of which each part is measured just before")
	flag.StringVar(&s.reference, "reference", "", "read: a warg-server program, the reference, to measure as well (cargo install warg-server --version 0.10.0 --locked)")
	flag.IntVar(&s.packages, "packages", 10_000, "publish, read: packages, one record each")
	flag.IntVar(&s.publishers, "publishers", 64, "publishers that post at the same time")
	flag.IntVar(&s.runs, "runs", 3, "publish: runs, each on a new registry; the median counts")
	flag.IntVar(&s.lonePosts, "posts", 200, "lone: records posted one by one")
	flag.IntVar(&s.records, "records", 100_000, "large: packages, one record each")
	flag.IntVar(&s.largePackages, "large-packages", 300_000, "read-large: packages, one record each")
	flag.IntVar(&s.discoveryPackages, "discovery-packages", 100_000, "discovery: packages, three releases each")
	flag.IntVar(&s.mirrored, "mirrored", 20_000, "mirror: packages of the upstream, one record each")
	flag.IntVar(&s.releases, "releases", 10_000, "chain: releases of one package")
	flag.Float64Var(&s.readSeconds, "read-seconds", 5, "read: how long each kind of request is made")
	flag.StringVar(&s.cpuProfile, "cpuprofile", "", "run the server inside this process and write a profile of both to this file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, &s); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s *settings) error {
	wanted := strings.Split(s.only, ",")
	for _, name := range wanted {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("-only: there is no part %q", name)
		}
	}
	for _, name := range strings.Split(s.attack, ",") {
		if s.attack != "" && !slices.ContainsFunc(attackKinds, func(k attackKind) bool { return k.name == name }) {
			return fmt.Errorf("-attack: there is no attack %q", name)
		}
	}
	cleanUp, err := s.prepare(ctx)
	if err != nil {
		return err
	}
	defer cleanUp()
	if err := printMachine(os.Stdout, s.dir); err != nil {
		return err
	}
	var results table
	defer func() { results.print(os.Stdout) }()
	for _, p := range parts {
		if !slices.Contains(wanted, p.name) {
			continue
		}
		if s.before != "" {
			results.prefix = "before: "
			earlier := *s
			earlier.binary = s.before
			if err := earlier.measure(ctx, p, &results); err != nil {
				return err
			}
			results.prefix = "now: "
		}
		if err := s.measure(ctx, p, &results); err != nil {
			return err
		}
	}
	return nil
}

// measure measures one part, and how busy the machine was with other things.
func (s *settings) measure(ctx context.Context, p part, results *table) error {
	fmt.Fprintln(os.Stderr, "measuring:", p.name)
	before, err := readUsage()
	if err != nil {
		return err
	}
	if err := p.measure(ctx, s, results); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	after, err := readUsage()
	if err != nil {
		return err
	}
	results.note("Other processes took %.0f%% of the processors while %q was measured.",
		100*after.othersSince(before, runtime.NumCPU()), p.name)
	return nil
}

// prepare makes the data folder and builds the server, unless the flags name
// them.
func (s *settings) prepare(ctx context.Context) (cleanUp func(), err error) {
	temporary, err := os.MkdirTemp(s.dir, "warg-bench-")
	if err != nil {
		return nil, err
	}
	s.dir = temporary
	if s.binary == "" && s.cpuProfile == "" {
		s.binary, err = build(ctx, temporary)
	}
	return func() { os.RemoveAll(temporary) }, err
}
