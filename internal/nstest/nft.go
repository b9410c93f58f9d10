package nstest

import (
	"regexp"
	"strings"
)

var sizes = regexp.MustCompile(`(?m)^\t\tsize [0-9]+\n(\t\tflags .*dynamic)?`)

// Unsized returns what nft lists of a table without the sizes of sets that rules enter nothing into. One that was
// large stays so: two tables that do the same may differ in that.
func Unsized(listing string) string {
	return sizes.ReplaceAllStringFunc(listing, func(s string) string {
		if strings.Contains(s, "dynamic") {
			return s
		}
		return ""
	})
}
