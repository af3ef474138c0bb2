package witness

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	formats "github.com/transparency-dev/formats/note"
)

// Bounds on a policy. tlog-policy recommends to support 32 of each at least.
const (
	maxPolicy    = 1 << 20 // bytes
	maxLogs      = 64
	maxGroups    = 64
	maxWitnesses = 64 // with a log's own, their signatures fit on one note
)

// noQuorum is the quorum of a policy that asks for no witness. Nothing else may have
// this name.
const noQuorum = "none"

// ParsePolicy reads a policy file. Whatever tlog-policy does not allow is an error
// that names the line: a policy that is read otherwise than it was meant could be
// satisfied by nobody's cosignature. Two things are refused that tlog-policy does not
// speak of: a witness with the key of a log, which would vouch for itself, and a last
// line without a newline, which may be cut off.
func ParsePolicy(text []byte) (*Policy, error) {
	if len(text) > maxPolicy {
		return nil, fmt.Errorf("the policy has %d bytes; %d are allowed", len(text), maxPolicy)
	}
	r := reader{nodes: map[string]*node{}, memberOf: map[string]string{}, keys: map[string]string{}}
	number := 0
	for line := range bytes.Lines(text) {
		number++
		if err := r.line(line); err != nil {
			return nil, fmt.Errorf("line %d of the policy: %w", number, err)
		}
	}
	if !r.hasQuorum {
		return nil, errors.New("the policy has no quorum line; add the line: quorum <name of a witness or group>, or: quorum none")
	}
	return &r.policy, nil
}

// reader reads a policy line by line.
type reader struct {
	policy    Policy
	hasQuorum bool
	nodes     map[string]*node  // witnesses and groups above this line, by name
	memberOf  map[string]string // the group that a name is a member of
	keys      map[string]string // whose a public key is, by its bytes
	groups    int
}

func (r *reader) line(line []byte) error {
	line, ended := bytes.CutSuffix(line, []byte("\n"))
	if !ended {
		return errors.New("it does not end with a newline; the file may be cut off")
	}
	for _, c := range line {
		if c < 0x20 && c != '\t' || c == 0x7f {
			return fmt.Errorf("it has the control character 0x%02x; spaces and tabs may separate words, and newlines alone end lines", c)
		}
	}
	fields := strings.FieldsFunc(string(line), func(c rune) bool { return c == ' ' || c == '\t' })
	if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
		return nil
	}
	switch keyword, rest := fields[0], fields[1:]; keyword {
	case "log":
		return r.log(rest)
	case "witness":
		return r.witness(rest)
	case "group":
		return r.group(rest)
	case "quorum":
		return r.quorum(rest)
	default:
		return fmt.Errorf("it begins with %q; lines begin with log, witness, group, quorum or #", keyword)
	}
}

func (r *reader) log(fields []string) error {
	if len(fields) < 1 || len(fields) > 2 {
		return errors.New("a log is written: log <vkey> [<url>]")
	}
	if len(r.policy.logs) == maxLogs {
		return fmt.Errorf("there are more than %d logs", maxLogs)
	}
	key, err := parseVKey(fields[0])
	if err != nil {
		return err
	}
	if key.kind == typeEd25519Cosignature {
		return fmt.Errorf("the key of the log %q is of type 0x04, for cosignatures; logs sign with type 0x01 or 0x06", key.name)
	}
	if err := r.own(key, fmt.Sprintf("the log %q", key.name)); err != nil {
		return err
	}
	r.policy.logs = append(r.policy.logs, LogKey{Origin: key.name, VKey: fields[0], URL: optional(fields[1:])})
	return nil
}

func (r *reader) witness(fields []string) error {
	if len(fields) < 2 || len(fields) > 3 {
		return errors.New("a witness is written: witness <name> <vkey> [<url>]")
	}
	if len(r.policy.witnesses) == maxWitnesses {
		return fmt.Errorf("there are more than %d witnesses", maxWitnesses)
	}
	name := fields[0]
	key, err := parseVKey(fields[1])
	if err != nil {
		return fmt.Errorf("witness %q: %w", name, err)
	}
	if key.kind == typeEd25519 {
		return fmt.Errorf("witness %q: its key is of type 0x01, for the signatures of logs; witnesses sign with type 0x04 or 0x06", name)
	}
	verifier, err := formats.NewVerifierForCosignatureV1(fields[1])
	if err != nil {
		return fmt.Errorf("witness %q: %w", name, err)
	}
	if err := r.own(key, fmt.Sprintf("the witness %q", name)); err != nil {
		return err
	}
	w := Witness{Name: name, Key: key.hash, VKey: fields[1], URL: optional(fields[2:]), verifier: verifier}
	r.policy.witnesses = append(r.policy.witnesses, w)
	return r.define(&node{name: name, key: key.hash})
}

func (r *reader) group(fields []string) error {
	if len(fields) < 3 {
		return errors.New("a group is written: group <name> all|any|<k> <member>..., with one member at least")
	}
	if r.groups++; r.groups > maxGroups {
		return fmt.Errorf("there are more than %d groups", maxGroups)
	}
	name, members := fields[0], fields[2:]
	threshold, err := parseThreshold(fields[1], len(members))
	if err != nil {
		return fmt.Errorf("group %q: %w", name, err)
	}
	g := &node{name: name, threshold: threshold}
	for _, m := range members {
		n := r.nodes[m]
		if n == nil {
			return fmt.Errorf("group %q: no line above defines its member %q", name, m)
		}
		// A witness counts in one way only.
		if other, taken := r.memberOf[m]; taken {
			return fmt.Errorf("group %q: %q is a member of the group %q already; a name may be a member once", name, m, other)
		}
		r.memberOf[m] = name
		g.members = append(g.members, n)
	}
	return r.define(g)
}

func parseThreshold(text string, members int) (int, error) {
	switch text {
	case "any":
		return 1, nil
	case "all":
		return members, nil
	}
	k, err := strconv.Atoi(text)
	switch {
	case err != nil || strconv.Itoa(k) != text:
		return 0, fmt.Errorf("%q is neither all, any, nor a number in decimal", text)
	case k < 1 || k > members:
		return 0, fmt.Errorf("it asks for %d of its %d members; ask for at least 1 and at most %d", k, members, members)
	}
	return k, nil
}

func (r *reader) quorum(fields []string) error {
	switch {
	case len(fields) != 1:
		return errors.New("a quorum is written: quorum <name>, or: quorum none")
	case r.hasQuorum:
		return errors.New("there is a quorum line above already")
	}
	r.hasQuorum = true
	if fields[0] == noQuorum {
		return nil
	}
	if r.policy.quorum = r.nodes[fields[0]]; r.policy.quorum == nil {
		return fmt.Errorf("no line above defines %q", fields[0])
	}
	return nil
}

// define gives a witness or group its name.
func (r *reader) define(n *node) error {
	switch {
	case n.name == noQuorum:
		return errors.New(`the name "none" has a meaning of its own`)
	case r.nodes[n.name] != nil:
		return fmt.Errorf("a line above defines %q already", n.name)
	}
	r.nodes[n.name] = n
	return nil
}

// own notes whose a key is. The same key under another name is the same key
// (tlog-policy, "Public key representation").
func (r *reader) own(key vkey, owner string) error {
	if other, taken := r.keys[key.public]; taken {
		return fmt.Errorf("the key of %s is that of %s", owner, other)
	}
	r.keys[key.public] = owner
	return nil
}

// optional is a field that may be left out.
func optional(fields []string) string {
	if len(fields) == 0 {
		return ""
	}
	return fields[0]
}
