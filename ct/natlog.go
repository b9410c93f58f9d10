package ct

import (
	"strconv"
	"time"
)

// AppendLog appends the record of a NAT log: who had which laddr and port, from when to
// when.
//
//	{"event":"destroy","time":"2026-01-02T03:04:05.000006Z","proto":"tcp","service":null,"zone":"office",
//	"src":"10.1.5.9:53436","translated_src":"198.51.100.2:53436","start":"…","end":"…","duration_s":12.5,
//	"bytes_in":642,"bytes_out":402,"packets_in":12,"packets_out":7}
//
// at is when the event was read, for kernels that do not tell when it happened. A record of
// "new", "found" or "taken" has no end, one of "taken" no start either, and one of "destroy" no start where the kernel keeps no times.
// Destinations are personal data that a log does not need (RFC 6888, REQ-12): only with
// destinations "dst" and "translated_dst" follow "translated_src".
//
// It appends nothing and returns false for what does not belong into the log (Logged).
func AppendLog(dst []byte, e *Event, at time.Time, o *Owner, destinations bool) ([]byte, bool) {
	f := &e.Flow
	if !Logged(e, o) {
		return dst, false
	}
	p := f.Orig.Proto
	dst = append(dst, `{"event":"`...)
	dst = append(dst, e.Kind.String()...)
	dst = append(dst, `","time":`...)
	dst = appendTime(dst, e.Time(at))
	dst = append(dst, `,"proto":"`...)
	dst = appendProto(dst, p)
	dst = append(dst, `","service":`...)
	dst = appendName(dst, o.Service)
	dst = append(dst, `,"zone":`...)
	dst = appendName(dst, o.Zone)
	dst = append(dst, `,"src":`...)
	dst = appendQuoted(dst, p, f.Orig.Src, true)
	dst = append(dst, `,"translated_src":`...)
	dst = appendQuoted(dst, p, f.Reply.Dst, true)
	if destinations {
		dst = append(dst, `,"dst":`...)
		dst = appendQuoted(dst, p, f.Orig.Dst, true)
		dst = append(dst, `,"translated_dst":`...)
		dst = appendQuoted(dst, p, f.Reply.Src, f.TranslatedDst())
	}
	dst = appendSpan(dst, e, at)
	dst = appendCounters(dst, f)
	return append(dst, '}'), true
}

// Logged tells whether an event belongs into a NAT log. Updates do not, nor flows that keep
// their client's address, nor new flows that other rules than snatctl's translated. The end of
// a flow does even if the policy has no zone for it any more.
func Logged(e *Event, o *Owner) bool {
	return e.Flow.hasLaddr() && (e.Kind == Destroy || e.Kind != Update && (!o.Past || o.match.astray))
}

// appendSpan appends start, end and duration_s, which is to the millisecond.
func appendSpan(dst []byte, e *Event, at time.Time) []byte {
	start, end := e.Flow.Start, e.Time(at)
	switch {
	case e.Kind == New:
		start, end = end, time.Time{}
	case e.Kind == Found:
		end = time.Time{}
	case e.Kind == Taken: // another gateway knows when it began
		start, end = time.Time{}, time.Time{}
	case !e.Flow.Stop.IsZero():
		end = e.Flow.Stop
	}
	dst = append(dst, `,"start":`...)
	dst = appendTime(dst, start)
	dst = append(dst, `,"end":`...)
	dst = appendTime(dst, end)
	dst = append(dst, `,"duration_s":`...)
	if start.IsZero() || end.IsZero() {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, end.Sub(start).Seconds(), 'f', 3, 64)
}
