package read

import (
	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/words"
)

// synProxy reads true or false, or a mapping of what real servers can do.
func (w *walker) synProxy(n *yaml.Node) policy.SynProxy {
	p := policy.DefaultSynProxy()
	v, ok := w.value(n)
	switch {
	case !ok:
		return policy.SynProxy{}
	case v.Kind == yaml.MappingNode:
		w.fields(v, words.SynProxy, func(k *words.Keyword, v *yaml.Node) {
			switch k.Name() {
			case "mss":
				p.MSS, _ = w.integer(v, k)
			case "wscale":
				p.WScale, _ = w.integer(v, k)
			case "timestamp":
				w.boolean(v, &p.Timestamp)
			case "sack":
				w.boolean(v, &p.Sack)
			}
		})
	default:
		if w.boolean(n, &p.On); !p.On {
			return policy.SynProxy{}
		}
	}
	return p
}
