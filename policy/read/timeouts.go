package read

import (
	"time"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/words"
)

// mss reads a word or a number of bytes.
func (w *walker) mss(n *yaml.Node, k *words.Keyword) policy.MSS {
	if v, ok := w.value(n); ok && v.Kind == yaml.ScalarNode && v.Value == policy.MSSClamp.String() {
		return policy.MSSClamp
	}
	number := *k
	number.Min, number.Max = policy.LeastMSS, policy.MostMSS
	i, _ := w.integer(n, &number)
	return policy.MSS(i)
}

// timeouts reads a word, or a mapping of states to durations.
func (w *walker) timeouts(n *yaml.Node, k *words.Keyword, keys *words.Section) *policy.Timeouts {
	v, ok := w.value(n)
	if !ok {
		return nil
	}
	var t policy.Timeouts
	if v.Kind == yaml.MappingNode {
		w.fields(v, keys, func(k *words.Keyword, v *yaml.Node) {
			if state, ok := policy.StateOf(k.Name()); ok {
				t[state] = w.timeout(v)
			}
		})
	} else {
		var word string
		if enum(w, n, k, &word); word == "" {
			return nil
		}
		t = policy.RFCTimeouts()
	}
	return &t
}

// timeout reads whole seconds.
func (w *walker) timeout(n *yaml.Node) time.Duration {
	d, ok := w.duration(n)
	switch {
	case !ok:
	case d%time.Second != 0:
		w.fail(n, "N03", "write whole seconds", "the kernel counts timeouts in seconds, not in parts like %s", d)
	case d > policy.MostTimeout:
		w.fail(n, "N03", "write at most 576h", "the duration %s is too long for the kernel", d)
	default:
		return d
	}
	return 0
}
