package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/audit"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/recordproof"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// maxProofAnswer is the size in bytes of the longest consistency proof that is read.
const maxProofAnswer = 1 << 20

// refutedError says that a registry contradicts a proof, or that the release is
// withdrawn.
type refutedError struct{ error }

func (e *refutedError) Unwrap() error { return e.error }

func refuted(format string, args ...any) error { return &refutedError{fmt.Errorf(format, args...)} }

// onlineAnswer is what a registry has proved about a release now, as JSON.
type onlineAnswer struct {
	LogLength  uint64    `json:"logLength"` // of the checkpoint
	SignedAt   time.Time `json:"signedAt"`
	SignedBy   string    `json:"signedBy"`
	Yanked     bool      `json:"yanked"` // always false: else it is refuted
	OperatorBy string    `json:"operatorKey"`

	said   string
	unsaid []string
}

// askOnline has the registry prove that the release of a proof is not yanked as of its
// latest checkpoint, whose log continues that of the proof.
func (c verifyCommand) askOnline(env *environment, result recordproof.Result) (onlineAnswer, error) {
	var answer onlineAnswer
	registry, err := client.New(c.Online, client.Options{OperatorKey: c.OperatorKey.PublicKey, Token: c.Token, UserAgent: "warg-auditor"})
	if err != nil {
		return answer, err
	}
	pkg, err := registry.Package(env.context, result.Name)
	var unproven *client.VerificationError
	var missing *client.NotFoundError
	switch {
	case errors.As(err, &unproven), errors.As(err, &missing):
		return answer, refuted("the registry at %s: %w", c.Online, err)
	case err != nil:
		return answer, err
	}
	checkpoint := pkg.Checkpoint.Contents
	source, err := c.sourceFlags.open(c.Online)
	if err != nil {
		return answer, err
	}
	if err := proveContinues(env, source, result.Head, checkpoint.Checkpoint); err != nil {
		return answer, err
	}
	for _, version := range result.Versions {
		release, ok := pkg.Release(version)
		switch {
		case !ok || release.RecordID != result.RecordID:
			return answer, refuted("in the package's log as of the checkpoint at length %d, record %s does not release %s %s", checkpoint.LogLength, result.RecordID, result.Name, version)
		case release.Yank != nil:
			return answer, refuted("%s %s is yanked: by key %s, in a record dated %s", result.Name, version, release.Yank.By, release.Yank.Time.Std().Format(time.RFC3339))
		}
	}
	at := time.Unix(int64(min(checkpoint.Timestamp, 1<<40)), 0).UTC()
	answer = onlineAnswer{LogLength: checkpoint.LogLength, SignedAt: at, SignedBy: string(pkg.Checkpoint.KeyID), OperatorBy: c.OperatorKey.text()}
	answer.said = fmt.Sprintf("It is not yanked as of the registry's latest checkpoint: %d records, signed at %s. All records of the package until then were checked, the package index proves that there are no others, and the log continues that of the proof.",
		checkpoint.LogLength, at.Format(time.RFC3339))
	answer.unsaid = append(answer.unsaid, "That this checkpoint is the newest one that there is: followers see to that.")
	if c.OperatorKey.IsZero() {
		answer.unsaid = append(answer.unsaid, "Whose registry was asked: no --operator-key was given. (Its log continues that of the proof.)")
	}
	answer.unsaid = append(answer.unsaid, result.NeverProved()...)
	return answer, nil
}

// text is the key as text; "" for none.
func (k publicKey) text() string {
	if k.IsZero() {
		return ""
	}
	return k.String()
}

// proveContinues demands that the log of a checkpoint continues that of a tree head.
func proveContinues(env *environment, source audit.Source, head tlog.TreeHead, checkpoint protocol.Checkpoint) error {
	switch {
	case checkpoint.LogLength < head.Size:
		return refuted("the latest checkpoint has length %d, and the log of the proof %d: the registry went back, or shows an old state", checkpoint.LogLength, head.Size)
	case checkpoint.LogLength == head.Size && checkpoint.LogRoot != head.Root:
		return refuted("the registry's log of length %d has the root %s, and that of the proof %s: the log is forked", head.Size, checkpoint.LogRoot, head.Root)
	case checkpoint.LogLength == head.Size:
		return nil
	}
	request := api.ConsistencyRequest{From: head.Size, To: checkpoint.LogLength}
	status, body, err := source.Open(env.context, audit.Request{Method: http.MethodPost, Path: api.ProveConsistencyPath, Body: request.AppendJSON(nil)})
	if err != nil {
		return err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxProofAnswer))
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	if status != http.StatusOK {
		return refuted("the registry does not prove that its log of length %d continues that of the proof, of length %d: status %d", checkpoint.LogLength, head.Size, status)
	}
	var answer api.ConsistencyResponse
	if err := answer.UnmarshalJSON(text); err != nil {
		return refuted("the registry's consistency proof can not be read: %w", err)
	}
	bundle, err := proof.DecodeLogBundle(answer.Proof)
	if err == nil {
		err = bundle.VerifyConsistency(head.Size, checkpoint.LogLength, head.Root, checkpoint.LogRoot)
	}
	if err != nil {
		return refuted("the registry does not prove that its log of length %d continues that of the proof, of length %d: %w", checkpoint.LogLength, head.Size, err)
	}
	return nil
}
