package findings

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/policy"
)

// key is a finding without its place: what stays the same when lines are added above it.
type key struct {
	File    string `json:"file"`
	Code    string `json:"code"`
	Object  string `json:"object"`
	Message string `json:"message"`
}

// keyer makes keys. Messages name places in the policy's files ("first at policy.yaml:3:12"):
// these lose their line and column.
type keyer struct{ places *regexp.Regexp }

func newKeyer(sources []policy.Source) keyer {
	names := make([]string, len(sources))
	for i, s := range sources {
		names[i] = regexp.QuoteMeta(s.Name)
	}
	if len(names) == 0 {
		return keyer{}
	}
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) }) // a name may begin like another
	return keyer{regexp.MustCompile("(" + strings.Join(names, "|") + `):\d+:\d+`)}
}

func (k keyer) of(d policy.Diagnostic) key {
	msg := d.Msg
	if k.places != nil {
		msg = k.places.ReplaceAllStringFunc(msg, func(at string) string { return path.Clean(k.places.FindStringSubmatch(at)[1]) })
	}
	return key{path.Clean(d.Pos.File), d.Code, d.Object, msg}
}

// fingerprint returns a hash of a key and of how many equal ones came before.
func (k key) fingerprint(nth int) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{k.File, k.Code, k.Object, k.Message}, "\x00")))
	return hex.EncodeToString(sum[:16]) + ":" + strconv.Itoa(nth)
}
