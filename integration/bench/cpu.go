package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is the unit of processor times in /proc: 1/100 s on every
// architecture that Linux tells programs about.
const clockTick = 10 * time.Millisecond

// usage is processor time spent so far: by all processes of the machine, and by
// this one with the servers that it started and that have ended.
type usage struct {
	at        time.Time
	all, ours time.Duration
}

func readUsage() (u usage, err error) {
	u.at = time.Now()
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return u, err
	}
	// The first line: cpu user nice system idle iowait irq softirq steal ...
	fields := strings.Fields(string(text))
	for _, i := range []int{1, 2, 3, 6, 7, 8} {
		ticks, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return u, fmt.Errorf("/proc/stat: %w", err)
		}
		u.all += time.Duration(ticks) * clockTick
	}
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		if err := syscall.Getrusage(who, &r); err != nil {
			return u, err
		}
		u.ours += time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return u, nil
}

// othersSince is the part of the processors that other processes took, 0 to 1.
func (u usage) othersSince(before usage, processors int) float64 {
	others := (u.all - before.all) - (u.ours - before.ours)
	return max(0, others.Seconds()/u.at.Sub(before.at).Seconds()/float64(processors))
}

// ownTime is the processor time that this process has taken so far.
func ownTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0 // it does not fail with these arguments
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// cpuTime is the processor time that the server's process has taken so far.
func (s *server) cpuTime() (time.Duration, error) {
	if s.pid == 0 {
		return 0, nil // not told apart from the generator's
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.pid))
	if err != nil {
		return 0, err
	}
	// Behind the program's name, in parentheses, the 12th and 13th fields.
	_, rest, _ := strings.Cut(string(text), ") ")
	var total time.Duration
	for _, field := range strings.Fields(rest)[11:13] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		total += time.Duration(ticks) * clockTick
	}
	return total, nil
}
