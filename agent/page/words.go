package page

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/snatctl/snatctl/plain"
)

// words are what templates say things with.
var words = template.FuncMap{
	"text": plain.Text, "times": func(n uint64) string { return many(int(n), "time") }, "count": countAny, "many": many, "rate": rate, "bytes": bytesRate, "percent": percent,
	"share": share, "spark": spark, "bar": bar, "shares": shares, "ago": ago, "clock": clock, "stamp": stamp, "short": short, "upper": upper, "inc": func(n int) int { return n + 1 },
}

// count returns "2,000".
func count(n uint64) string { return humanize.Comma(int64(n)) }

// countAny is count for templates, which do not convert.
func countAny(n any) string {
	if n, ok := n.(int); ok {
		return humanize.Comma(int64(n))
	}
	return count(n.(uint64))
}

// many returns "1 flow" or "2,000 flows".
func many(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return humanize.Comma(int64(n)) + " " + noun + "s"
}

// unknown stands where a number is not known.
const unknown = "–"

// rate says connections in a second: two digits of small ones.
func rate(r Rate) string {
	switch {
	case !r.Known:
		return unknown
	case r.New < 0.05:
		return "0"
	case r.New < 9.95:
		return fmt.Sprintf("%.1f", r.New)
	}
	return humanize.Comma(int64(r.New + 0.5))
}

// bytesRate says bytes in a second: "1.2 MiB".
func bytesRate(r Rate) string {
	if !r.Known {
		return unknown
	}
	return humanize.IBytes(uint64(r.Bytes + 0.5))
}

func percent(part float64) string { return fmt.Sprintf("%.1f %%", 100*part) }

func share(s Share) string {
	if !s.Known {
		return unknown
	}
	return percent(s.Part)
}

// ago says how long ago something was, in one unit or two: "42s", "11m", "3h 20m", "5d".
func ago(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case d < time.Second:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh %02dm", int(d.Hours()), int(d.Minutes())%60)
	case d < 10*24*time.Hour:
		return fmt.Sprintf("%dd %dh", int(d.Hours()/24), int(d.Hours())%24)
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// clock is a time of the last day, or a day, in this machine's zone.
func clock(now, t time.Time) string {
	t = t.Local()
	if d := now.Sub(t); d > -12*time.Hour && d < 12*time.Hour {
		return t.Format("15:04:05")
	}
	return t.Format("2006-01-02 15:04")
}

// stamp is a time for programs (RFC 3339).
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// short is the beginning of a hash, as commands print it.
func short(hash string) string { return hash[:min(len(hash), 12)] }

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
