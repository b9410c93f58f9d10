package integration

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/snatctl/snatctl/internal/browser"
	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/internal/nstest"
)

// shown is the policy of the gateway in the pictures of the documents.
const shown = `
version: 1
gateway: {uplinks: [wan0, wan1]}
laddrs:
  office: 198.51.100.1-198.51.100.2
  guests: {addresses: 198.51.100.64/31, ports: 20000-20499}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: office}
  - {name: guests, from: 10.2.0.0/16, laddrs: guests}
  - {name: quarantine, from: 10.66.0.0/16, action: reject}
health_checks:
  page: {type: tcp, interval: 500ms, timeout: 250ms, rise: 1, fall: 2}
services:
  - {name: web, vip: 203.0.113.10, ports: [tcp/80, tcp/443], health_check: page, real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3]}
  - {name: api, vip: 203.0.113.11, ports: tcp/8080, mode: fullnat, laddrs: 192.168.2.250-192.168.2.251, scheduler: wlc, health_check: page, real_servers: [{address: 192.168.1.1, weight: 2}, 192.168.1.2, 192.168.1.4]}
  - {name: shop, vip: 203.0.113.12, ports: tcp/8000, health_check: page, quorum: 2, real_servers: [192.168.1.4, 192.168.1.5, 192.168.1.6]}
  - {name: files, vip: 203.0.113.13, ports: tcp/9999, health_check: page, real_servers: [192.168.1.5, 192.168.1.6, 192.168.1.2]}
  - {name: dns, vip: 203.0.113.14, ports: [udp/53, tcp/53], health_check: none, real_servers: [192.168.1.3, 192.168.1.4]}
`

// traffic calls a service again and again, as many bytes as a wave says, until the test ends.
func traffic(t *testing.T, h *nstest.Host, to string, most int, period time.Duration) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.Cleanup(func() { stop(); <-done })
	start := time.Now()
	go func() {
		defer close(done)
		for tick := time.NewTicker(120 * time.Millisecond); ctx.Err() == nil; <-tick.C {
			wave := 0.55 + 0.45*math.Sin(2*math.Pi*float64(time.Since(start))/float64(period))
			sends(h, to, int(float64(most)*wave*(0.8+0.4*math.Mod(float64(time.Since(start).Milliseconds())*0.618, 1))))
		}
	}()
}

// sends some bytes to who echoes them. Nobody cares how it ends.
func sends(h *nstest.Host, to string, n int) {
	c, err := h.DialWithin(time.Second, "tcp", "", to)
	if err != nil {
		return
	}
	defer c.Close()
	if _, err := nstest.AskWithin(time.Second, c); err != nil {
		return
	}
	_ = c.SetDeadline(time.Now().Add(time.Second))
	go func() { _, _ = c.Write(make([]byte, n)) }()
	_, _ = io.CopyN(io.Discard, c, int64(n))
}

// The pictures of the status page: a real agent, real packets, a browser. Only -update makes them (make
// screenshots); that the page is as it should be is what TestPage holds.
func TestScreenshots(t *testing.T) {
	if !golden.Updating() {
		t.Skip("make screenshots draws them")
	}
	b := browser.Open(t)
	s := newSite(t, nstest.Options{RealServers: 6})
	h := s.Gateway
	must(t, h.Sysctl("net/netfilter/nf_conntrack_udp_timeout", "600"))
	a := newAgent(t, h, shown, "--http", "127.0.0.1:0")
	a.within = []string{"unshare", "--uts", "sh", "-c", `hostname gw1 && exec "$0" "$@"`}
	a.start(t)
	awaitHealth(t, h, "files", "192.168.1.2", "up")
	nft(t, h, "flush chain inet snatctl zones") // somebody did
	eventually(t, "the table to be repaired", func() bool { return a.snapshot(t).Drift.Repairs == 1 })
	for i := range 9 {
		hold(t, s.Office, 4+i%3, "tcp", fmt.Sprintf("10.1.200.%d", i+1), "8.8.8.8:80")
		hold(t, s.Guests, 46, "udp", fmt.Sprintf("10.2.200.%d", i+1), "9.9.9.9:53")
		hold(t, s.Guests, 7+i, "tcp", fmt.Sprintf("10.2.200.%d", i+1), "203.0.113.10:80")
		hold(t, s.Guests, 2+i%2, "tcp", "", "203.0.113.11:8080")
		hold(t, s.Guests, 3, "udp", fmt.Sprintf("10.2.200.%d", i+1), "203.0.113.14:53")
	}
	tab := b.Visit(t, fromHere(t, h, a.window(t)), browser.Look{Width: 1360, Height: 1330})
	traffic(t, s.Guests, "203.0.113.10:80", 300_000, 23*time.Second)
	traffic(t, s.Guests, "203.0.113.11:8080", 120_000, 41*time.Second)
	traffic(t, s.Guests, "203.0.113.13:9999", 400_000, 61*time.Second)
	traffic(t, s.Office, "8.8.8.8:80", 200_000, 31*time.Second)
	for _, args := range [][]string{{"drain", "files", "192.168.1.5", "--for", "30m"}, {"weight", "3", "files", "192.168.1.6"}} {
		if r := ctl(t, h, append([]string{"server"}, args...)...); r.Code != 0 {
			t.Fatal(r.Stderr)
		}
	}
	time.Sleep(80 * time.Second) // the time that a sparkline shows
	nft(t, s.RS[4], "table inet dead { chain in { type filter hook input priority 0; tcp dport 8000 reject with tcp reset; }; }")
	nft(t, s.RS[5], "table inet dead { chain in { type filter hook input priority 0; tcp dport 8000 reject with tcp reset; }; }")
	dies(t, s.RS[2], "drop")
	time.Sleep(12 * time.Second)
	tab.Until("what is wrong", `document.querySelectorAll(".troubles > li").length >= 2`)
	draw := func(name string, l browser.Look, scroll string) {
		tab.As(l)
		if scroll == "" {
			scroll = "body"
		}
		tab.Do(chromedp.ScrollIntoView(chromedp.CSS(scroll)))
		time.Sleep(2 * time.Second)
		must(t, os.WriteFile("../docs/page-"+name+".png", browser.Small(t, tab.Picture()), 0o644))
	}
	draw("light", browser.Look{Width: 1360, Height: 1330}, "")
	draw("dark", browser.Look{Width: 1360, Height: 1330, Dark: true}, "")
	draw("phone", browser.Look{Phone: true}, "")
	if said := tab.Errors(); len(said) > 0 {
		t.Errorf("the console says %q", said)
	}
}
