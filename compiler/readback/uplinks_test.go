package readback_test

import (
	"maps"
	"testing"

	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/internal/compiled"
)

func TestUplinks(t *testing.T) {
	const text = `version: 1
gateway: {uplinks: {isp1: {interface: wan0, gateway: 192.0.2.1}, isp2: {interface: ppp0}}}
zones: [{name: office, from: 10.1.0.0/16, uplink: [isp1, isp2], action: masquerade}]
`
	got := readback.Uplinks(compiled.Ruleset(t, compiled.Policy(t, []byte(text))))
	if want := map[uint32]string{0x57000000: "isp1", 0x44000000: "isp2"}; !maps.Equal(got, want) {
		t.Errorf("the table knows %x, want %x", got, want)
	}
	if len(readback.Uplinks(nil)) > 0 {
		t.Error("no table knows uplinks")
	}
}
