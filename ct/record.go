package ct

import (
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/snatctl/snatctl/inet"
)

// AppendJSON appends a flow and its owner as a JSON object, without a newline:
//
//	{"proto":"tcp","src":"10.1.5.9:53436","dst":"203.0.113.10:80","translated_src":null,"translated_dst":"192.168.1.1:80",
//	"state":"ESTABLISHED","service":"web","zone":null,"real_server":"192.168.1.1:80","laddr":null,
//	"bytes_in":642,"bytes_out":402,"packets_in":12,"packets_out":7,"timeout_s":431999}
//
// Addresses of protocols without ports have no port. What does not apply is null; so are the
// counters where the kernel keeps none, and the timeout of flows on a flowtable.
func AppendJSON(dst []byte, f *Flow, o *Owner) []byte {
	dst = append(dst, '{')
	dst = appendFlow(dst, f, o, true)
	return append(dst, '}')
}

// AppendEvent appends an event as AppendJSON does its flow, with "event" and "time" before
// all else: UTC, to the microsecond (RFC 3339). at is when the event was read, for kernels
// that do not tell when it happened. A destroyed flow has no timeout.
func AppendEvent(dst []byte, e *Event, at time.Time, o *Owner) []byte {
	dst = append(dst, `{"event":"`...)
	dst = append(dst, e.Kind.String()...)
	dst = append(dst, `","time":`...)
	dst = appendTime(dst, e.Time(at))
	dst = append(dst, ',')
	dst = appendFlow(dst, &e.Flow, o, e.Kind != Destroy)
	return append(dst, '}')
}

// Time returns when the event happened, at if the kernel does not tell.
func (e *Event) Time(at time.Time) time.Time {
	switch {
	case !e.At.IsZero():
		return e.At
	case e.Kind == New && !e.Flow.Start.IsZero():
		return e.Flow.Start
	case e.Kind == Destroy && !e.Flow.Stop.IsZero():
		return e.Flow.Stop
	}
	return at
}

func appendFlow(dst []byte, f *Flow, o *Owner, timeout bool) []byte {
	p := f.Orig.Proto
	dst = append(dst, `"proto":"`...)
	dst = appendProto(dst, p)
	dst = append(dst, `","src":`...)
	dst = appendQuoted(dst, p, f.Orig.Src, true)
	dst = append(dst, `,"dst":`...)
	dst = appendQuoted(dst, p, f.Orig.Dst, true)
	dst = append(dst, `,"translated_src":`...)
	dst = appendQuoted(dst, p, f.Reply.Dst, f.TranslatedSrc())
	dst = append(dst, `,"translated_dst":`...)
	dst = appendQuoted(dst, p, f.Reply.Src, f.TranslatedDst())
	dst = append(dst, `,"state":"`...)
	dst = append(dst, f.State()...)
	dst = append(dst, `","service":`...)
	dst = appendName(dst, o.Service)
	dst = append(dst, `,"zone":`...)
	dst = appendName(dst, o.Zone)
	dst = append(dst, `,"real_server":`...)
	dst = appendQuoted(dst, p, o.Server, o.Server.IsValid())
	dst = append(dst, `,"laddr":`...)
	dst = appendQuoted(dst, 0, netip.AddrPortFrom(o.Laddr, 0), o.Laddr.IsValid())
	dst = appendCounters(dst, f)
	dst = append(dst, `,"timeout_s":`...)
	if !timeout || f.Status&Offloaded != 0 {
		return append(dst, "null"...)
	}
	return appendUint(dst, uint64(f.Timeout))
}

// Counted tells whether the kernel counts the flow's packets (nf_conntrack_acct). A packet
// made the flow, so one without packets is one that nobody counts.
func (f *Flow) Counted() bool { return f.In.Packets|f.Out.Packets != 0 }

func appendCounters(dst []byte, f *Flow) []byte {
	counted := f.Counted()
	dst = append(dst, `,"bytes_in":`...)
	dst = appendCount(dst, f.In.Bytes, counted)
	dst = append(dst, `,"bytes_out":`...)
	dst = appendCount(dst, f.Out.Bytes, counted)
	dst = append(dst, `,"packets_in":`...)
	dst = appendCount(dst, f.In.Packets, counted)
	dst = append(dst, `,"packets_out":`...)
	return appendCount(dst, f.Out.Packets, counted)
}

func appendCount(dst []byte, n uint64, known bool) []byte {
	if !known {
		return append(dst, "null"...)
	}
	return appendUint(dst, n)
}

// appendProto appends the protocol's name, or its number where it has none.
func appendProto(dst []byte, p inet.Proto) []byte {
	switch p {
	case inet.TCP:
		return append(dst, "tcp"...)
	case inet.UDP:
		return append(dst, "udp"...)
	case inet.ICMP, inet.ICMPv6, inet.SCTP:
		return append(dst, p.String()...)
	}
	return strconv.AppendUint(dst, uint64(p), 10)
}

// appendAddr appends "ip:port", "[v6]:port", or the address alone for protocols without ports.
func appendAddr(dst []byte, p inet.Proto, a netip.AddrPort) []byte {
	if p.HasPorts() {
		return appendIPPort(dst, a)
	}
	return appendIP(dst, a.Addr())
}

func appendQuoted(dst []byte, p inet.Proto, a netip.AddrPort, applies bool) []byte {
	if !applies {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = appendAddr(dst, p, a)
	return append(dst, '"')
}

// appendName appends a name as a JSON string, null if it is empty. Names come from comments
// in the table, where anybody may have written anything.
func appendName(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	if plain(s) {
		return append(append(dst, s...), '"')
	}
	const hex = "0123456789abcdef"
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ' || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r) // what is no UTF-8 becomes U+FFFD
			i += n
			continue
		}
		i++
	}
	return append(dst, '"')
}

// plain tells whether a string is JSON as it is.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// appendTime appends a time as a JSON string, null for the zero time.
func appendTime(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(dst, "null"...)
	}
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(dst, `"2006-01-02T15:04:05.000000Z"`)
	}
	hour, minute, second := t.Clock()
	us := t.Nanosecond() / 1000
	dst = append(dst, '"') // by hand, as AppendFormat reads its layout each time
	dst = append2(append2(dst, year/100), year%100)
	dst = append2(append(dst, '-'), int(month))
	dst = append2(append(dst, '-'), day)
	dst = append2(append(dst, 'T'), hour)
	dst = append2(append(dst, ':'), minute)
	dst = append2(append(dst, ':'), second)
	dst = append2(append2(append2(append(dst, '.'), us/10000), us/100%100), us%100)
	return append(dst, 'Z', '"')
}

// append2 appends a number below 100 in two digits.
func append2(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }
