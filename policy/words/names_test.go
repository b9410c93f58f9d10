package words

import (
	"regexp"
	"strings"
	"testing"
)

// TestTableForm compares with the form as a regular expression.
func TestTableForm(t *testing.T) {
	form := regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,31}$`)
	texts := []string{"", "snatctl", "_", "a.b-c_D9", "é", "a\n", strings.Repeat("x", 32), strings.Repeat("x", 33)}
	for c := range 256 {
		texts = append(texts, string([]byte{byte(c)}), string([]byte{'a', byte(c)}))
	}
	for _, s := range texts {
		if got, want := TableForm(s), form.MatchString(s); got != want {
			t.Errorf("TableForm(%q) = %v, not %v", s, got, want)
		}
	}
}
