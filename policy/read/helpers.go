package read

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// helpers reads a list of "ftp" and "ftp/2121".
func (w *walker) helpers(n *yaml.Node) []policy.Watched {
	items := w.someItems(n, "helpers like ftp")
	out := make([]policy.Watched, 0, len(items))
	var seen distinct[string]
	for _, item := range items {
		text, ok := w.text(item, "a helper like ftp")
		if !ok {
			continue
		}
		name, ports, cut := strings.Cut(text, "/")
		h := policy.Watched{Pos: w.pos(item), Helper: policy.Helper(name)}
		switch {
		case !slices.Contains(policy.Helpers, h.Helper):
			w.fail(item, "X10", "", "%q is no helper (want ftp, tftp, sip, pptp or h323)", text)
			continue
		case !seen.add(text):
			w.fail(item, "X10", "remove one of the two", "%s is listed twice", text)
			continue
		case cut && ports == "*":
			w.fail(item, "X10", "write the ports that the protocol has there, as in "+name+"/2121", "%s would have the kernel read every connection", text)
			continue
		}
		if cut {
			r, err := inet.ParsePortRange(ports)
			if err != nil {
				w.badPorts(item, err)
				continue
			}
			h.Ports = r
		}
		out = append(out, h)
	}
	return out
}
