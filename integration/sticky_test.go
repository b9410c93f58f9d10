package integration

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// stickyClients lists what the sticky maps of a host hold, each entry without the time that it has left.
func stickyClients(t testing.TB, h *nstest.Host) (all []string) {
	t.Helper()
	listing := output(t, h, "nft", "list", "table", "inet", "snatctl")
	for _, m := range regexp.MustCompile(`(?s)map (sticky\S*) \{.*?\n\t\}`).FindAllStringSubmatch(listing, -1) {
		found := elements.FindStringSubmatch(m[0])
		if found == nil {
			continue
		}
		for line := range strings.SplitSeq(found[1], ",") {
			line = regexp.MustCompile(` expires \w+`).ReplaceAllString(strings.TrimSpace(line), "")
			all = append(all, m[1]+": "+line)
		}
	}
	slices.Sort(all)
	return all
}

// A node that takes over makes of the flows what the packet path had made of them when they began: for every kind
// of map. Who is known with another real server than his flow has moves to that one.
func TestStickyClientsOfFlows(t *testing.T) {
	s := startSite(t, "")
	file := policyFile(t, `
version: 1
gateway: {uplinks: [wan0]}
services:
  - {name: one, vip: [203.0.113.1, "2001:db8::1"], ports: [tcp/80, udp/80], mode: nat, persistence: {timeout: 1h}, real_servers: [192.168.1.1, 192.168.1.2, "fd05::1", "fd05::2"]}
  - {name: ports, vip: [203.0.113.2, "2001:db8::2"], ports: tcp/80, mode: fullnat, laddrs: [192.168.2.9, "fd06::9"], persistence: {timeout: 600s, mask4: 24, mask6: 64}, real_servers: ["192.168.1.1:8080", "192.168.1.2:8000", "[fd05::1]:8080", "[fd05::2]:8000"]}
  - {name: range, vip: [203.0.113.3, "2001:db8::3"], ports: tcp/8000-8001, mode: nat, persistence: 600s, real_servers: [192.168.1.1, 192.168.1.3, "fd05::3"]}
  - {name: all, vip: [203.0.113.4, "2001:db8::4"], ports: tcp/*, mode: nat, persistence: 600s, real_servers: [192.168.1.2, 192.168.1.3, "fd05::3"]}
  - {name: alone, vip: 203.0.113.5, ports: tcp/80, mode: nat, real_servers: [192.168.1.2, 192.168.1.3]}
`)
	if r := ctl(t, s.Gateway, "apply", "-f", file); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	for _, to := range []string{"203.0.113.1:80", "[2001:db8::1]:80", "203.0.113.2:80", "[2001:db8::2]:80", "203.0.113.3:8001", "[2001:db8::3]:8001", "203.0.113.4:443", "[2001:db8::4]:443", "203.0.113.5:80"} {
		c, err := s.Outside.OpenStream("", to)
		must(t, err)
		defer c.Close()
	}
	voice, err := s.Outside.Dial("udp", "", "203.0.113.1:80")
	must(t, err)
	defer voice.Close()
	_, err = nstest.AskOn(voice)
	must(t, err)
	want := stickyClients(t, s.Gateway)
	if len(want) != 9 {
		t.Fatalf("the packet path has entered %q", want)
	}
	primary := func(count string) {
		t.Helper()
		r := ctl(t, s.Gateway, "ha", "notify", "backup", "--no-sync")
		if r.Code == 0 {
			r = ctl(t, s.Gateway, "ha", "notify", "primary", "--no-sync")
		}
		if r.Code != 0 || !regexp.MustCompile(`sticky clients, [0-9.]+ s, `+count+"\n").MatchString(r.Stderr) {
			t.Fatalf("exit %d, want %s clients\n%s", r.Code, count, r.Stderr)
		}
		if got := stickyClients(t, s.Gateway); !slices.Equal(got, want) {
			t.Errorf("the flows give\n%s\nthe packet path gave\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	primary("0")
	for _, entry := range want {
		name, _, _ := strings.Cut(entry, ":")
		output(t, s.Gateway, "nft", "flush", "map", "inet", "snatctl", name)
	}
	primary("9")
	i := slices.IndexFunc(want, func(e string) bool { return strings.HasPrefix(e, "sticky4:") })
	key, server, _ := strings.Cut(strings.TrimPrefix(want[i], "sticky4: "), " : ")
	key, _, _ = strings.Cut(key, " timeout ")
	other := map[bool]string{true: "192.168.1.3", false: "192.168.1.1"}[strings.HasPrefix(server, "192.168.1.1 ")] + server[strings.Index(server, " "):]
	nft(t, s.Gateway, "delete element inet snatctl sticky4 { "+key+" }\nadd element inet snatctl sticky4 { "+key+" timeout 1h : "+other+" }")
	primary("1")
}
