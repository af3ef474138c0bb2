package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// FuzzCheck feeds documents with a right digest, whose facts are whatever: Check must
// answer, and what it accepts must be what it says.
func FuzzCheck(f *testing.F) {
	for _, test := range append(headLies[:3:3], recordLies[0], recordLies[len(recordLies)-1], fileLies[0], listLies[5], apiLies[0], apiLies[7], noteLies[0], noteLies[len(noteLies)-1]) {
		w := newWorld(f)
		w.some(3)
		w.withhold(3)
		o := w.options()
		test.lie(w, &o)
		report, err := w.auditWith(new(MemoryStore), o)
		must(f, err)
		for _, finding := range report.Findings {
			f.Add(finding.Evidence[:bytes.LastIndex(finding.Evidence, []byte(digestMember))])
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		digest := sha256.Sum256(text)
		evidence := append(bytes.Clone(text), digestMember+hex.EncodeToString(digest[:])+"\"}\n"...)
		finding, err := Check(evidence)
		if err == nil && (finding.Name == "" || finding.Explanation == "") {
			t.Errorf("accepted without saying what: %+v", finding)
		}
	})
}
