package integration

import (
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/hinshun/vt10x"

	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/internal/nstest"
)

// picture draws the screen as it is, for documents.
func (x *terminal) picture(title string) string {
	const width, height, margin = 8.4, 18, 12 // of a character, at 14 pixels
	columns, rows := x.vt.Size()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0[1]f %[2]d" width="%.0[1]f" height="%[2]d" role="img" aria-label="%[3]s" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">
  <rect width="100%%" height="100%%" rx="6" fill="#0d1117"/>
`, float64(columns)*width+2*margin, rows*height+2*margin, title)
	for row := range rows {
		for from := 0; from < columns; {
			first, to := x.vt.Cell(from, row), from+1
			text := string(first.Char)
			for ; to < columns && looksLike(first, x.vt.Cell(to, row)); to++ {
				text += string(x.vt.Cell(to, row).Char)
			}
			left, base := margin+float64(from)*width, margin+row*height+14
			ink, weight := "#e6edf3", "normal"
			if first.FG == vt10x.DefaultBG { // reversed
				ink = "#0d1117"
				fmt.Fprintf(&b, "  <rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"#e6edf3\"/>\n", left, base-14, float64(to-from)*width, height)
			}
			if first.Mode&bold != 0 {
				weight = "bold"
			}
			if strings.TrimSpace(text) != "" {
				fmt.Fprintf(&b, "  <text x=\"%.1f\" y=\"%d\" fill=\"%s\" font-weight=\"%s\" textLength=\"%.1f\" xml:space=\"preserve\">", left, base, ink, weight, float64(to-from)*width)
				xml.EscapeText(&b, []byte(text))
				b.WriteString("</text>\n")
			}
			from = to
		}
	}
	return b.String() + "</svg>\n"
}

// bold is the bit of bold characters (vt10x, state.go, attrBold).
const bold = 1 << 2

func looksLike(a, b vt10x.Glyph) bool {
	return a.FG == b.FG && a.BG == b.BG && a.Mode&bold == b.Mode&bold
}

// The pictures in the README are those of a gateway with the README's policy: -update draws
// docs/top.svg anew and prints what status says, to be copied.
func TestPictures(t *testing.T) {
	s := newSite(t, nstest.Options{})
	policy, err := os.ReadFile("../examples/policy.yaml")
	must(t, err)
	s.start(t, string(policy))
	must(t, s.Gateway.Sysctl("net/netfilter/nf_conntrack_udp_timeout", "600"))
	for i := range 12 {
		hold(t, s.Office, 1+i%3, "tcp", fmt.Sprintf("10.1.200.%d", i+1), "8.8.8.8:80")
		hold(t, s.Guests, 1+i%4, "tcp", fmt.Sprintf("10.2.200.%d", i+1), "203.0.113.10:80")
		hold(t, s.Guests, 1+i%2, "udp", fmt.Sprintf("10.2.200.%d", i+1), "203.0.113.10:53")
		hold(t, s.Guests, 1, "udp", fmt.Sprintf("10.2.200.%d", i+1), "9.9.9.9:53")
	}
	hold(t, s.Outside, 3, "tcp", "", "[2001:db8::10]:80")
	stream, err := s.Guests.OpenStream("10.2.200.7", "203.0.113.10:80")
	must(t, err)
	defer stream.Close()

	x := onTerminal(t, s.Gateway, 96, 16, program(t), "top", "--interval", "1s")
	x.shows("flows by zone")
	x.press("5b")
	x.shows("flows by client")
	x.shows("BYTES/S▼")
	until(t, "rates", func() bool {
		return strings.Contains(x.line("10.2.200.7"), "MiB") || strings.Contains(x.line("10.2.200.7"), "KiB")
	})
	picture := x.picture("snatctl top: clients by bytes a second")
	for d := xml.NewDecoder(strings.NewReader(picture)); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("the picture is no SVG: %v\n%s", err, picture)
		}
	}
	for _, want := range []string{"flows by client, every 1s", "10.2.200.7", "q quit"} {
		if !strings.Contains(picture, want) {
			t.Errorf("the picture lacks %q:\n%s", want, picture)
		}
	}
	if golden.Updating() {
		must(t, os.WriteFile("../docs/top.svg", []byte(picture), 0o644))
		t.Logf("$ snatctl status --service web --zone office\n%s", prints(t, s.Gateway, "status", "--service", "web", "--zone", "office"))
	}
	x.press("q")
	x.ends(0)
}
