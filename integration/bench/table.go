package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// table is what was measured, in Markdown.
type table struct {
	prefix string // of the figures and notes to come
	rows   [][3]string
	notes  []string
}

func (t *table) add(figure, target, measured string, args ...any) {
	row := [3]string{t.prefix + figure, target, fmt.Sprintf(measured, args...)}
	fmt.Fprintf(os.Stderr, "  %s: %s\n", row[0], row[2])
	t.rows = append(t.rows, row)
}

// note adds a line below the table.
func (t *table) note(format string, args ...any) {
	t.notes = append(t.notes, t.prefix+fmt.Sprintf(format, args...))
}

func (t *table) print(w io.Writer) {
	fmt.Fprintf(w, "\n| figure | target | measured |\n|---|---|---|\n")
	for _, r := range t.rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(r[:], " | "))
	}
	for _, n := range t.notes {
		fmt.Fprintf(w, "\n%s", n)
	}
	fmt.Fprintln(w)
}

// percentile returns the smallest value that a part p of all values does not
// exceed. It sorts them.
func percentile[T int | float64 | time.Duration](values []T, p float64) T {
	slices.Sort(values)
	return values[min(int(p*float64(len(values))), len(values)-1)]
}

func median[T int | float64 | time.Duration](values []T) T { return percentile(values, 0.5) }

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// printMachine says on what the figures were measured.
func printMachine(w io.Writer, dir string) error {
	sync, err := syncTime(dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d processors (%s), %s memory, %s/%s, %s; writing 4 KiB and fsync: median %s\n",
		runtime.NumCPU(), procField("/proc/cpuinfo", "model name"), procField("/proc/meminfo", "MemTotal"),
		runtime.GOOS, runtime.GOARCH, runtime.Version(), milliseconds(sync))
	return nil
}

// syncTime is how long the disk takes to make a small append durable, on which
// every figure of publishing depends.
func syncTime(dir string) (time.Duration, error) {
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	var took []time.Duration
	for range 100 {
		start := time.Now()
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(start))
	}
	return median(took), nil
}

// procField returns the value of the first line with that name in a file of
// /proc, or "unknown".
func procField(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if field, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(field) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
