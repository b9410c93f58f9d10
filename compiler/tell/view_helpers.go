package tell

import (
	"cmp"
	"slices"

	"github.com/snatctl/snatctl/compiler/readback"
)

// helpersText names the helpers of a zone or service with what they read: each is listed once a
// front, or range of sources. "" for none.
func helpersText(list []readback.Helper) string {
	list = slices.Clone(list)
	slices.SortFunc(list, readback.Helper.Compare)
	var words []string
	for _, h := range slices.Compact(list) {
		words = append(words, h.Name+" on "+h.Ports.String())
	}
	if len(words) == 0 {
		return ""
	}
	return "helpers " + wordsText(words)
}

// helpersChange says how the helpers of a zone or service change.
func helpersChange(was, will []readback.Helper) []string {
	if a, b := helpersText(was), helpersText(will); a != b {
		return []string{cmp.Or(a, "no helpers") + " → " + cmp.Or(b, "no helpers")}
	}
	return nil
}
