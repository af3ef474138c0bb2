package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/warg-trillian/warg-trillian/config"
	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/personality/files"
	"github.com/warg-trillian/warg-trillian/personality/store"
)

type promoteCommand struct {
	config.Serve
	followed
	OldDataDir    string `name:"old-data-dir" placeholder:"DIR" help:"Data folder of the lost registry, if it is at hand and holds its database (SQLite): what was acknowledged there and is not in the standby is named."`
	OldDatabase   string `name:"old-database-url-file" placeholder:"FILE" help:"As --old-data-dir, of a registry with a MySQL or MariaDB database: file that holds its database URL."`
	LoseWhatIsNew bool   `name:"lose-what-is-newer" help:"Go on although somebody has seen more than the standby holds, or that cannot be known. What is newer is lost for good: clients that have seen it refuse the registry from then on, auditors and witnesses call it a fork, and its witnesses do not cosign it any more."`
}

// Help is shown by --help.
func (*promoteCommand) Help() string {
	return `Makes a standby the registry, after it has asked the address of the old one (that of --of,
and where the standby followed it), and the witnesses of --witness-policy-file, for anything
newer than the standby holds. If there is, or if that cannot be known, since a name cannot be
looked up or a witness does not answer, nothing is changed, and the status is 1.

Stop the old registry and the standby first, and see to it that the old one does not come
back. Put the registry's operator key and note keys into the standby's data folder, or name
their files, and run this with the settings of serve. Then serve with the same settings, and
lead clients there. It may be interrupted and run again.`
}

// Run promotes.
func (c *promoteCommand) Run(std streams) error {
	of, err := c.registry()
	if err != nil {
		return err
	}
	log := c.Logger(std.stderr)
	options, err := c.Options()
	if err != nil {
		return settingError{err}
	}
	options.Logger = log
	if err := setOperatorKeys(&options, &c.Serve, log); err != nil {
		return err
	}
	if options.NewOperatorKey != nil {
		return operatorKeyMissing(&c.Serve)
	}
	promote := personality.PromoteOptions{Old: of, OldDataDir: c.OldDataDir, Lose: c.LoseWhatIsNew}
	if promote.OldDatabase, err = c.oldDatabase(); err != nil {
		return settingError{err}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	done, err := personality.Promote(ctx, options, promote)
	c.tell(std, done, err == nil)
	if len(done.Asked) > 0 {
		fmt.Fprintf(std.stderr, "The old registry was looked for at %s.\n", strings.Join(done.Asked, " and at "))
	}
	var refused *personality.RefusedError
	if errors.As(err, &refused) {
		for _, doubt := range refused.Doubts {
			fmt.Fprintf(std.stderr, "- %s\n", doubt)
		}
		return errors.New("the standby was not promoted, and nothing was changed; --lose-what-is-newer goes on all the same, and --help says what that means")
	}
	if err != nil {
		return fmt.Errorf("promote: %w", err)
	}
	for _, doubt := range done.Doubts {
		fmt.Fprintf(std.stderr, "went on although: %s\n", doubt)
	}
	fmt.Fprintf(std.stdout, "promoted: the registry has %d records\n", done.Records)
	return nil
}

// oldDatabase is the database of the lost registry; nil if it is not at hand.
func (c *promoteCommand) oldDatabase() (store.Database, error) {
	if c.OldDatabase != "" {
		text, err := files.ReadOnce(c.OldDatabase, files.SecretSize)
		if err != nil {
			return nil, fmt.Errorf("--old-database-url-file: %w", err)
		}
		database := store.MySQL{DSN: strings.TrimSpace(string(text))}
		if err := database.Check(); err != nil {
			return nil, fmt.Errorf("--old-database-url-file: %w", err)
		}
		return database, nil
	}
	if c.OldDataDir == "" {
		return nil, nil
	}
	file := filepath.Join(c.OldDataDir, "registry.db")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("--old-data-dir: there is no database in %s: if the registry had one elsewhere (--database-url), name the file with its URL with --old-database-url-file", c.OldDataDir)
	} else if err != nil {
		return nil, fmt.Errorf("--old-data-dir: %w", err)
	}
	return store.SQLite{File: file}, nil
}

// tell names what is lost, or would be.
func (c *promoteCommand) tell(std streams, done personality.Promoted, promoted bool) {
	is := "lost"
	if !promoted {
		is = "would be lost"
	}
	for _, lost := range done.Lost {
		name, how := lost.Name, "acknowledged, not in the standby"
		if name == "" {
			name = "(operator log)"
		}
		if lost.Waits {
			how = "waited for content or for another record"
		}
		fmt.Fprintf(std.stdout, "%s: %s record %s: %s\n", is, name, lost.RecordID, how)
	}
	if c.OldDataDir == "" && c.OldDatabase == "" {
		fmt.Fprintln(std.stderr, "The old registry's database was not given (--old-data-dir or --old-database-url-file): records that were acknowledged and not published when the registry was lost can not be named. Their authors know them: a client that waits for one finds that it is not there, and posts it again.")
	}
}
