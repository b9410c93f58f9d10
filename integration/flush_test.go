package integration

import (
	"strings"
	"testing"
)

// flush leaves a table of our name that somebody else made, unless it is told not to.
func TestFlushForeign(t *testing.T) {
	h := startGateway(t, "")
	output(t, h, "nft", "add table inet snatctl; add chain inet snatctl mine")
	r := ctl(t, h, "flush")
	if r.Code != 1 || !strings.Contains(r.Stderr, "was not made by snatctl") {
		t.Errorf("flush exits %d and says %s", r.Code, r.Stderr)
	}
	if r := output(t, h, "nft", "list", "tables"); !strings.Contains(r, "snatctl") {
		t.Error("the table is gone")
	}
	if r := ctl(t, h, "flush", "--foreign"); r.Code != 0 {
		t.Errorf("flush --foreign exits %d and says %s", r.Code, r.Stderr)
	}
	if r := output(t, h, "nft", "list", "tables"); strings.Contains(r, "snatctl") {
		t.Error("the table is still there")
	}
}
