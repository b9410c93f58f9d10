package docscheck

import (
	"regexp"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/compiler/layout"
)

// TestPicture: docs/packet.svg names chains and maps that snatctl makes, and each of its base
// chains.
func TestPicture(t *testing.T) {
	picture := text(t, "docs/packet.svg")
	label := regexp.MustCompile(`class="(b|map)"[^>]*>([^<]*)</text>`)
	chains := map[string]bool{}
	for _, m := range label.FindAllStringSubmatch(picture, -1) {
		for _, name := range strings.Split(strings.TrimSuffix(m[2], ", …"), ", ") {
			known := name == "map" || name == "drop" // the legend, and a verdict
			if m[1] == "b" && !known {
				_, known = layout.ParseChain(name)
				chains[name] = true
			} else if !known {
				_, known = layout.ParseSet(name)
			}
			if !known {
				t.Errorf("docs/packet.svg names %q, which snatctl does not make", name)
			}
		}
	}
	for _, base := range []layout.Kind{layout.ChainPrerouting, layout.ChainForward, layout.ChainOutput, layout.ChainPostrouting} {
		if !chains[base.Name().String()] {
			t.Errorf("docs/packet.svg lacks the chain %s", base.Name())
		}
	}
	if !strings.Contains(picture, "gateway.invalid") {
		t.Error("docs/packet.svg lacks the rule for invalid packets (gateway.invalid)")
	}
}
