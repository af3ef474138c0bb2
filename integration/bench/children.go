package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// children is the processor time that this process and each program that it
// started, and that runs, has taken so far, by name.
type children map[string]time.Duration

// generator is what this process itself is called.
const generator = "load generator"

func readChildren() (children, error) {
	var self syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &self); err != nil {
		return nil, err
	}
	c := children{generator: time.Duration(self.Utime.Nano() + self.Stime.Nano())}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state ppid ...; the 12th and 13th behind the name are times.
		head, rest, _ := strings.Cut(string(text), ") ")
		_, name, _ := strings.Cut(head, "(")
		fields := strings.Fields(rest)
		if len(fields) < 13 || fields[1] != strconv.Itoa(os.Getpid()) {
			continue
		}
		for _, field := range fields[11:13] {
			ticks, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			c[name] += time.Duration(ticks) * clockTick
		}
	}
	return c, nil
}

// since says how many milliseconds a record each took.
func (c children) since(before children, records int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(c)) {
		spent := c[name] - before[name]
		parts = append(parts, fmt.Sprintf("%s %.2f", name, spent.Seconds()*1000/float64(records)))
	}
	return strings.Join(parts, ", ")
}

// processorTime does work on records and says how many milliseconds a record each
// program took.
func processorTime(records int, work func() error) (string, error) {
	before, err := readChildren()
	if err != nil {
		return "", err
	}
	if err := work(); err != nil {
		return "", err
	}
	after, err := readChildren()
	return after.since(before, records), err
}
