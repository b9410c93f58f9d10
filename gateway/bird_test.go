package gateway

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// An apply that fails says that nothing was changed, unless the files of BIRD cannot be put back.
func TestAnnouncedIsNotTakenBack(t *testing.T) {
	failed := errors.New("the table is refused")
	a := &announcing{tell: func(Event) {}}
	at := filepath.Join(t.TempDir(), "not", "there", "snatctl.conf")
	a.files = []birdFile{{path: at, was: "was\n", is: "is\n"}}
	if err := a.undo(); err != nil {
		t.Fatalf("nothing was written, and taking it back fails: %v", err)
	}
	a.written = a.files
	err := a.undo()
	if text := Unchanged(errors.Join(failed, err)).Error(); !strings.Contains(text, at) || !strings.Contains(text, "COULD NOT BE TAKEN BACK") || strings.Contains(text, "nothing was changed") {
		t.Errorf("the error is %q", text)
	}
	if text := Unchanged(failed).Error(); !strings.HasSuffix(text, "; nothing was changed") {
		t.Errorf("the error is %q", text)
	}
}
