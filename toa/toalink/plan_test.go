package toalink

import (
	"bytes"
	"testing"

	"github.com/snatctl/snatctl/toa"
)

// A program of another version of snatctl is another one, though it knows the same.
func TestDigestOfVersion(t *testing.T) {
	ours := _ProgramBytes
	defer func() { _ProgramBytes = ours }()
	was := digestOf(new(toa.Program))
	if again := digestOf(new(toa.Program)); again != was {
		t.Errorf("%s is not %s", again, was)
	}
	_ProgramBytes = append(bytes.Clone(ours), 0)
	if is := digestOf(new(toa.Program)); is == was {
		t.Error("another program has the same digest")
	}
}
