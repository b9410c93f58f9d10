package ct

import "strconv"

// Zoned tells whether the flow is in another conntrack zone (not a zone of the policy) than
// the default one. snatctl sets none: another table does, by `ct zone set`, or Open
// vSwitch. Flows of different zones do not know each other: each may hold the same tuple.
func (f *Flow) Zoned() bool { return f.CTZone != 0 || f.ReplyCTZone != 0 }

// AppendCTZone appends the conntrack zone of a flow: "conntrack zone 7", or "conntrack zone 7
// (sent)" where a rule sets it for one direction only; nothing if the flow is in the default one.
func AppendCTZone(dst []byte, f *Flow) []byte {
	if !f.Zoned() {
		return dst
	}
	dst = append(dst, "conntrack zone"...)
	one := func(zone uint16, side string) {
		dst = append(dst, ' ')
		dst = strconv.AppendUint(dst, uint64(zone), 10)
		dst = append(dst, side...)
	}
	switch sent, answers := f.CTZone, f.ReplyCTZone; {
	case sent == answers:
		one(sent, "")
	case answers == 0:
		one(sent, " (sent)")
	case sent == 0:
		one(answers, " (answers)")
	default:
		one(sent, " (sent)")
		one(answers, " (answers)")
	}
	return dst
}
