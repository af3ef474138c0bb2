package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/warg-trillian/warg-trillian/config"
	"github.com/warg-trillian/warg-trillian/personality"
)

type rebuildCommand struct {
	config.Serve
}

// Help is shown by --help.
func (*rebuildCommand) Help() string {
	return `Recreates the registry's own database from its Trillian logs, which alone are
enough: records, states, checkpoints with their signatures, and the package index,
at the roots that were signed. Records that were accepted and not sequenced when the
database was lost do not come back. Content is kept elsewhere and is not touched.

Stop every process that serves this registry first. Move what is left of the old
database (registry.db*, in the data folder) out of the way, and run this with the
settings of serve. It may be interrupted and run again.`
}

// Run rebuilds until the end of the log, a signal, or an error.
func (c *rebuildCommand) Run(std streams) error {
	log := c.Logger(std.stderr)
	options, err := c.Options()
	if err != nil {
		return settingError{err}
	}
	options.Logger = log
	if err := setOperatorKeys(&options, &c.Serve, log); err != nil {
		return err
	}
	if options.NewOperatorKey != nil { // it signed the log that is to be read
		return operatorKeyMissing(&c.Serve)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	bar := &progressBar{out: std.stderr, began: time.Now()}
	err = personality.Rebuild(ctx, options, bar.show)
	bar.end()
	if err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	fmt.Fprintf(std.stdout, "rebuilt %d records\n", bar.done)
	return c.sayWithheld(std)
}

// sayWithheld says what becomes of content that was withheld: the logs do not have that.
func (c *rebuildCommand) sayWithheld(std streams) error {
	statements, err := personality.CopiedStatements(string(c.DataDir))
	if err != nil {
		return err
	}
	if len(statements) == 0 {
		fmt.Fprintln(std.stderr, "The logs do not say which content is withheld, and the data folder has no copy of such statements. If content was withheld here, do not let anybody reach the registry before `warg-personality content restore` has posted them again.")
		return nil
	}
	fmt.Fprintf(std.stderr, "The data folder has %d statements on withheld content: serve brings them back before it serves anything.\n", len(statements))
	return nil
}

// progressBar shows how far a rebuild is, on one line that is written over.
type progressBar struct {
	out         io.Writer
	began       time.Time
	shown       time.Time // when last
	first, done uint64    // records at the first call, and at the last
	anything    bool
}

func (b *progressBar) show(done, total uint64) {
	if !b.anything {
		b.first, b.anything = done, true
	}
	b.done = done
	if now := time.Now(); done == total || now.Sub(b.shown) >= 200*time.Millisecond {
		b.shown = now
		const width = 40
		filled := int(done * width / max(total, 1))
		rate := float64(done-b.first) / max(time.Since(b.began).Seconds(), 0.001)
		fmt.Fprintf(b.out, "\r[%-*s] %3d%% %d of %d records, %.0f/s ", width, strings.Repeat("#", filled), done*100/max(total, 1), done, total, rate)
	}
}

func (b *progressBar) end() {
	if b.anything {
		fmt.Fprintln(b.out)
	}
}
