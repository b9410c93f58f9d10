package compiler

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/snatctl/snatctl/policy"
)

// TestCodes holds the list against the codes that the source gives to diagnostics, the
// loader's own apart.
func TestCodes(t *testing.T) {
	var listed []string
	given := []string{policy.NoNode} // At gives it
	for _, c := range Codes() {
		listed = append(listed, c.Code)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile(`"([A-Z][0-9]{2})"`)
	for _, file := range files {
		if file == "codes.go" || file == "codes_test.go" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range code.FindAllSubmatch(text, -1) {
			loaders := slices.ContainsFunc(policy.Codes(), func(c policy.Code) bool { return c.Code == string(m[1]) })
			if !loaders {
				given = append(given, string(m[1]))
			}
		}
	}
	slices.Sort(given)
	if given = slices.Compact(given); !slices.Equal(listed, given) {
		t.Errorf("Codes lists %v, the source gives %v", listed, given)
	}
}
