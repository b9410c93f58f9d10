package docscheck

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestFaultsPage holds that every test that docs/faults.md names exists.
func TestFaultsPage(t *testing.T) {
	out, err := exec.Command("git", "-C", root, "grep", "-ho", "^func Test[A-Za-z0-9]*", "--", "*_test.go").Output()
	if err != nil {
		t.Skipf("no git repository: %v", err)
	}
	tests := strings.Fields(string(out))
	named := regexp.MustCompile("`(Test[A-Za-z0-9]*)`").FindAllStringSubmatch(text(t, "docs/faults.md"), -1)
	if len(named) < 15 {
		t.Fatalf("docs/faults.md names %d tests only", len(named))
	}
	for _, m := range named {
		if !slices.Contains(tests, m[1]) {
			t.Errorf("docs/faults.md names %s, which does not exist", m[1])
		}
	}
}
