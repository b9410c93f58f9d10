package read

import (
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/policy"
)

// mark reads a mark of packets. As any number of a policy it is a decimal one, but people know marks
// by their hexadecimal form, so the hint translates it.
func (w *walker) mark(n *yaml.Node) uint32 {
	text, ok := w.text(n, "a number")
	if !ok {
		return 0
	}
	v, _ := w.value(n)
	value, err := strconv.ParseUint(text, 0, 64)
	switch {
	case !isPlain(v):
		w.fail(n, "N03", "remove the quotes", "must be a number, not the text %q", text)
	case notDecimal(text) != "" && err == nil && len(text) > 2 && (text[1] == 'x' || text[1] == 'X'):
		w.fail(n, "N03", "write "+strconv.FormatUint(value, 10), "%s is not a plain number: it is hexadecimal", text)
	case notDecimal(text) != "":
		w.fail(n, "N03", "write a plain decimal number", "%s is not a plain number: %s", text, notDecimal(text))
	case err != nil || value > policy.MaxMark:
		w.fail(n, "S31", "choose a mark from 1 to "+strconv.Itoa(policy.MaxMark), "the mark %s does not fit into 24 bits: the upper eight bits of a packet's mark do not count", text)
	case value == 0:
		w.fail(n, "N03", "choose a mark from 1 to "+strconv.Itoa(policy.MaxMark), "0 is the mark of packets that nobody has marked")
	default:
		return uint32(value)
	}
	return 0
}

// inPlaceOf reports a VIP or ports beside a mark.
func (w *walker) inPlaceOf(s *policy.Service) {
	if !s.Has("mark") {
		return
	}
	for _, key := range []string{"vip", "ports"} {
		if s.Has(key) {
			w.report.Fault(s.At(key), "S30", policy.Object{Kind: "service", Name: s.Name}, "remove "+key+", or remove mark and make two services",
				"mark takes the place of vip and ports: whatever bears the mark goes to the service, wherever it calls")
			w.broken = true
		}
	}
}
