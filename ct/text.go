package ct

import "strconv"

// Columns of AppendText: where state, owner and counters begin, in characters.
const (
	textTuples  = 7
	textState   = 96
	textOwner   = 109
	textTraffic = 143
)

// AppendHeader appends the line above those of AppendText, without a newline.
func AppendHeader(dst []byte) []byte {
	start := len(dst)
	dst = pad(append(dst, "PROTO"...), start, textTuples)
	dst = pad(append(dst, "CLIENT → CALLED as LEAVING → REACHING"...), start, textState)
	dst = pad(append(dst, "STATE"...), start, textOwner)
	dst = pad(append(dst, "OF"...), start, textTraffic)
	return append(dst, "TRAFFIC"...)
}

// AppendText appends a flow and its owner as a line for operators, without a newline:
//
//	tcp    10.1.5.9:53436 → 203.0.113.10:80 as 192.168.2.250:53436 → 192.168.1.3:80   ESTABLISHED  service dns   in 642 B, out 402 B
//
// What follows "as" is how packets leave, where anything is translated. Where the flow stands
// in a conntrack zone, that follows its owner.
func AppendText(dst []byte, f *Flow, o *Owner) []byte {
	p, start := f.Orig.Proto, len(dst)
	dst = pad(appendProto(dst, p), start, textTuples)
	dst = appendAddr(dst, p, f.Orig.Src)
	dst = append(dst, " → "...)
	dst = appendAddr(dst, p, f.Orig.Dst)
	if f.TranslatedSrc() || f.TranslatedDst() {
		dst = append(dst, " as "...)
		dst = appendAddr(dst, p, f.Reply.Dst)
		dst = append(dst, " → "...)
		dst = appendAddr(dst, p, f.Reply.Src)
	}
	dst = pad(dst, start, textState)
	dst = pad(append(dst, f.State()...), start, textOwner)
	dst = appendOwner(dst, o)
	if f.Zoned() {
		dst = AppendCTZone(append(dst, ", "...), f)
	}
	dst = pad(dst, start, textTraffic)
	if !f.Counted() {
		return append(dst, "not counted"...)
	}
	dst = append(dst, "in "...)
	dst = strconv.AppendUint(dst, f.In.Bytes, 10)
	dst = append(dst, " B, out "...)
	dst = strconv.AppendUint(dst, f.Out.Bytes, 10)
	return append(dst, " B"...)
}

// appendOwner appends "service web", "zone office", what is known of the past, or "-".
func appendOwner(dst []byte, o *Owner) []byte {
	switch {
	case o.Service != "":
		dst = append(append(dst, "service "...), o.Service...)
	case o.Zone != "":
		dst = append(append(dst, "zone "...), o.Zone...)
	case o.Past:
		return append(dst, "no longer in policy"...)
	default:
		return append(dst, '-')
	}
	if o.Past {
		dst = append(dst, ", no longer in policy"...)
	}
	return dst
}

// pad appends spaces up to a column, at least one.
func pad(dst []byte, start, column int) []byte {
	width := 0
	for _, c := range dst[start:] {
		if c&0xC0 != 0x80 { // each character's first byte; utf8.RuneCount copies what it counts
			width++
		}
	}
	for n := max(1, column-width); n > 0; n-- {
		dst = append(dst, ' ')
	}
	return dst
}
