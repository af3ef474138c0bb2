package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/signing"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

type contentCommands struct {
	Withhold contentWithholdCommand `cmd:"" help:"Withhold the bytes of a content: they are answered with status 451."`
	Release  contentReleaseCommand  `cmd:"" help:"Hand out again what was withheld."`
	List     contentListCommand     `cmd:"" help:"Show what is withheld."`
	Restore  contentRestoreCommand  `cmd:"" help:"Post statements again that a database has lost."`
}

// statementConflicts is how often a statement is made anew because another came first.
const statementConflicts = 20

type contentWithholdCommand struct {
	Digest    string `arg:"" help:"Digest of the content, sha256:<hex>."`
	Reason    string `required:"" placeholder:"TEXT" help:"Why; everybody sees it. Up to 500 bytes, on one line."`
	Reference string `placeholder:"URL" help:"Of who demands it, or of what they say."`
	Force     bool   `help:"Withhold what no record names, too: nobody can upload it then."`
	operatorSignFlags
}

// Help is shown by `content withhold --help`.
func (contentWithholdCommand) Help() string {
	return `Records and proofs stay: the log can not forget. The reason, the reference and the
time are public, signed by the operator's key, at v1/withheld, so that auditors and
clients say "withheld" and not "missing". The statement counts at once in every
process. The bytes stay in the content store.`
}

// Run withholds a content.
func (c contentWithholdCommand) Run(std streams) error {
	digest, err := protocol.ParseHash(c.Digest)
	if err != nil {
		return settingError{err}
	}
	if err := errors.Join(withheld.CheckReason(c.Reason), withheld.CheckReference(c.Reference)); err != nil {
		return settingError{err}
	}
	return c.state(std, digest, func(s *operatorSession, chain *withheld.Chain) (withheld.Statement, bool, error) {
		if now, ok := chain.Withheld(digest); ok && now.Reason == c.Reason && now.Reference == c.Reference {
			return now, false, nil
		}
		if _, known := chain.Withheld(digest); !known && !c.Force {
			if err := s.demandKnown(digest); err != nil {
				return withheld.Statement{}, false, err
			}
		}
		return withheld.Statement{Action: withheld.Withhold, Digest: digest, Reason: c.Reason, Reference: c.Reference}, true, nil
	})
}

// demandKnown refuses a digest of which the registry has no content.
func (s *operatorSession) demandKnown(digest protocol.Hash) error {
	_, _, err := s.client.ContentSize(s.ctx, digest)
	var refusal *client.APIError
	if errors.As(err, &refusal) && refusal.Status == http.StatusNotFound {
		return fmt.Errorf("the registry has no content %s; --force withholds it all the same, so that nobody can upload it", digest)
	}
	if errors.As(err, &refusal) && refusal.Status == http.StatusServiceUnavailable {
		return nil // it is lost, and may come back
	}
	return err
}

type contentReleaseCommand struct {
	Digest string `arg:"" help:"Digest of the content, sha256:<hex>."`
	Reason string `required:"" placeholder:"TEXT" help:"Why; everybody sees it. Up to 500 bytes, on one line."`
	operatorSignFlags
}

// Run releases a content.
func (c contentReleaseCommand) Run(std streams) error {
	digest, err := protocol.ParseHash(c.Digest)
	if err != nil {
		return settingError{err}
	}
	if err := withheld.CheckReason(c.Reason); err != nil {
		return settingError{err}
	}
	return c.state(std, digest, func(_ *operatorSession, chain *withheld.Chain) (withheld.Statement, bool, error) {
		_, ok := chain.Withheld(digest)
		return withheld.Statement{Action: withheld.Release, Digest: digest, Reason: c.Reason}, ok, nil
	})
}

// state signs and posts the statement that make makes, if there is something to do.
func (f operatorSignFlags) state(std streams, digest protocol.Hash, make func(*operatorSession, *withheld.Chain) (withheld.Statement, bool, error)) error {
	s, keys, stop, err := f.openSigning(std)
	if err != nil {
		return err
	}
	defer stop()
	for attempt := 0; ; attempt++ {
		err := s.stateOnce(keys, digest, make)
		var refusal *client.APIError
		if !errors.As(err, &refusal) || refusal.Status != http.StatusConflict || attempt == statementConflicts {
			return err
		}
	}
}

func (s *operatorSession) stateOnce(keys *signing.Keys, digest protocol.Hash, make func(*operatorSession, *withheld.Chain) (withheld.Statement, bool, error)) error {
	chain, _, operator, err := s.client.Withheld(s.ctx)
	if err != nil {
		return err
	}
	statement, needed, err := make(s, chain)
	if err != nil {
		return err
	}
	if !needed {
		state := "is not withheld"
		if _, ok := chain.Withheld(digest); ok {
			state = "is withheld for this reason"
		}
		return s.show(map[string]any{"digest": digest, "done": false}, fmt.Sprintf("%s %s already; nothing was done", digest, state))
	}
	key, ok := keys.Newest(operator.Permits(protocol.PermissionCommit))
	if !ok {
		return fmt.Errorf("this takes a key with the permission commit; the operator log gives it to %v, and not to %v", operator.Permits(protocol.PermissionCommit), keys.IDs())
	}
	statement.Time = time.Now().UTC().Truncate(time.Second)
	signed, err := chain.Next(statement).Sign(key)
	if err != nil {
		return err
	}
	if err := s.client.PostStatement(s.ctx, signed); err != nil {
		return err
	}
	return s.show(signed, fmt.Sprintf("statement %d, signed by %s: %s", signed.Sequence, signed.KeyID, statementWords(signed.Statement)))
}

func statementWords(s withheld.Statement) string {
	verb := "withheld"
	if s.Action == withheld.Release {
		verb = "released"
	}
	text := fmt.Sprintf("%s %s since %s: %s", s.Digest, verb, s.Time.Format(time.RFC3339), s.Reason)
	if s.Reference != "" {
		text += " (" + s.Reference + ")"
	}
	return text
}

type contentListCommand struct {
	All bool `help:"Show all statements, also those that count no more. With --json it always does: each as it was signed, for restore."`
	operatorFlags
}

// Run shows what is withheld.
func (c contentListCommand) Run(std streams) error {
	s, stop, err := c.open(std)
	if err != nil {
		return err
	}
	defer stop()
	chain, all, _, err := s.client.Withheld(s.ctx)
	if err != nil {
		return err
	}
	for _, statement := range all {
		inForce, ok := chain.Withheld(statement.Digest)
		if !s.json && !c.All && (!ok || inForce.Sequence != statement.Sequence) {
			continue
		}
		if err := s.show(statement, statementWords(statement.Statement)); err != nil {
			return err
		}
	}
	if !s.json && len(all) == 0 {
		s.say("nothing is withheld")
	}
	return nil
}

type contentRestoreCommand struct {
	File string `arg:"" type:"existingfile" help:"What content list --json wrote, or withheld.jsonl of a data folder."`
	operatorFlags
}

// Run posts statements again. Each is signed: it takes no key.
func (c contentRestoreCommand) Run(std streams) error {
	f, err := os.Open(c.File)
	if err != nil {
		return settingError{err}
	}
	defer f.Close()
	s, stop, err := c.open(std)
	if err != nil {
		return err
	}
	defer stop()
	posted := 0
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var statement withheld.Signed
		if err := statement.UnmarshalJSON(lines.Bytes()); err != nil {
			return fmt.Errorf("%s, line %d: %w", c.File, posted+1, err)
		}
		if err := s.client.PostStatement(s.ctx, statement); err != nil {
			return fmt.Errorf("%s, line %d: %w", c.File, posted+1, err)
		}
		posted++
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return s.show(map[string]int{"statements": posted}, fmt.Sprintf("the registry has these %d statements", posted))
}
