package gateway

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/compiled"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// heldFlows is a flow table that fails where it is told to.
type heldFlows struct {
	flows   []ct.Flow
	listErr error             // behind the flows
	refuse  netip.Addr        // a real server whose flows cannot be deleted
	broken  error             // of every deletion
	deleted map[ct.Tuple]bool // by the direction of answers
	calls   int               // of Delete
}

func (h *heldFlows) Flows(context.Context) iter.Seq2[*ct.Flow, error] {
	return func(yield func(*ct.Flow, error) bool) {
		for i := range h.flows {
			if !yield(&h.flows[i], nil) {
				return
			}
		}
		if h.listErr != nil {
			yield(nil, h.listErr)
		}
	}
}

func (h *heldFlows) Delete(_ context.Context, keys []ctlink.Key) (n int, err error) {
	h.calls++
	if h.broken != nil {
		return 0, h.broken
	}
	var refused ctlink.DeleteError
	for _, k := range keys {
		if k.Reply.Src.Addr() != h.refuse {
			n++
			h.deleted[k.Reply] = true
			continue
		}
		if refused.Failed++; refused.Failed == 1 {
			refused.First, refused.Err = k, unix.ENOMEM
		}
	}
	if refused.Failed > 0 {
		return n, &refused
	}
	return n, nil
}

// held returns a table of so many flows of the services to each of their real servers.
func held(n int, servers map[string][]string) *heldFlows {
	h := &heldFlows{deleted: make(map[ct.Tuple]bool)}
	for vip, list := range servers {
		for _, rs := range list {
			for i := range n {
				client := netip.AddrPortFrom(netip.MustParseAddr("10.1.5.9"), uint16(1024+len(h.flows)+i))
				f := ct.Flow{Orig: ct.Tuple{Proto: inet.TCP, Src: client, Dst: netip.MustParseAddrPort(vip)}}
				f.Reply = ct.Tuple{Proto: inet.TCP, Src: netip.MustParseAddrPort(rs), Dst: client}
				h.flows = append(h.flows, f)
			}
		}
	}
	return h
}

// services returns the table of some services.
func services(t *testing.T, text string) *nft.Ruleset {
	t.Helper()
	return compiled.Table(t, []byte("version: 1\nservices:\n"+text))
}

const (
	webOf = "  - {name: web, vip: 203.0.113.1, ports: tcp/80, mode: nat, real_servers: "
	dnsOf = "  - {name: dns, vip: 203.0.113.2, ports: tcp/53, mode: nat, real_servers: "
)

// What cannot be listed or deleted is told, counted by what was done, and does not keep the
// rest from being ended.
func TestCleanupFails(t *testing.T) {
	was := services(t, webOf+"[192.168.1.1, 192.168.1.2, 192.168.1.3]}\n"+dnsOf+"192.168.1.9}\n")
	will := services(t, webOf+"192.168.1.3}\n"+dnsOf+"192.168.1.8}\n")
	servers := map[string][]string{"203.0.113.1:80": {"192.168.1.1:80", "192.168.1.2:80", "192.168.1.3:80"}, "203.0.113.2:53": {"192.168.1.9:53"}}
	broken := errors.New("no connection")
	for _, c := range []struct {
		name        string
		spoil       func(*heldFlows)
		ended, left int // of the flows that were found
		calls       int
		err         string
	}{
		{"nothing", func(*heldFlows) {}, 30, 0, 3, ""},
		{"the list ends early", func(h *heldFlows) { h.listErr = unix.ENOBUFS }, 30, 0, 3, "list the flows: no buffer space available"},
		{"the list fails at once", func(h *heldFlows) { h.flows, h.listErr = nil, unix.ENOBUFS }, 0, 0, 0, "list the flows: no buffer space available"},
		{"some are refused", func(h *heldFlows) { h.refuse = netip.MustParseAddr("192.168.1.1") }, 20, 10, 3, "10 flows could not be deleted, the first of them tcp 192.168.1.1:80 > 10.1.5.9:"},
		{"deleting is broken", func(h *heldFlows) { h.broken = broken }, 0, 30, 1, "no connection"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := held(10, servers)
			c.spoil(h)
			s, _, err := findStale(t.Context(), h, ct.Contradicts, []*nft.Ruleset{was}, will)
			err = errors.Join(err, s.end(t.Context(), h))
			if err == nil && c.err != "" || err != nil && (c.err == "" || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("the error is %v, want %q", err, c.err)
			}
			if done, found := s.Count(true), s.Count(false); done != c.ended || done != len(h.deleted) || found-done != c.left || h.calls != c.calls {
				t.Errorf("says that it ended %d of %d in %d calls, and ended %d; want %d of %d in %d", done, found, h.calls, len(h.deleted), c.ended, c.ended+c.left, c.calls)
			}
		})
	}
}

// Each object's flows are counted where its change is told, a real server's with that one.
func TestStaleFlowsAreTold(t *testing.T) {
	was := services(t, webOf+"[192.168.1.1, 192.168.1.2, 192.168.1.3]}\n"+dnsOf+"192.168.1.9}\n")
	will := services(t, webOf+"192.168.1.3}\n")
	h := held(4, map[string][]string{"203.0.113.1:80": {"192.168.1.1:80", "192.168.1.3:80"}, "203.0.113.2:53": {"192.168.1.9:53"}})
	h.flows = append(h.flows, held(1, map[string][]string{"203.0.113.1:80": {"192.168.1.2:80"}}).flows...)
	s, _, err := findStale(t.Context(), h, ct.Contradicts, []*nft.Ruleset{was}, will)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, o := range s {
		said = append(said, fmt.Sprintf("%d of %s %s: %s", o.Flows(false), o.Kind, o.Name, o.Why))
	}
	if want := []string{
		"4 of service dns: is no longer there",
		"4 of service web: real server 192.168.1.1:80 is no longer listed",
		"1 of service web: real server 192.168.1.2:80 is no longer listed",
	}; !slices.Equal(said, want) {
		t.Errorf("finds %q, want %q", said, want)
	}
	for _, c := range []struct {
		changes []tell.Change
		want    map[string]string
	}{
		{tell.Changes(was, will, nft.Diff(was, formed(t, will))),
			map[string]string{"web/192.168.1.1": "; ends 4 flows", "web/192.168.1.2": "; ends 1 flow", "dns": "; ends 4 flows", "dns/192.168.1.9": ""}},
		{[]tell.Change{{Kind: tell.KindService, Name: "web"}, {Kind: tell.KindRealServer, Name: "web/192.168.1.2"}},
			map[string]string{"web": "; ends 4 flows", "web/192.168.1.2": "; ends 1 flow"}},
		{[]tell.Change{{Kind: tell.KindService, Name: "webs"}, {Kind: tell.KindRealServer, Name: "web/192.168.1.9"}, {Kind: tell.KindZone, Name: "dns"}},
			map[string]string{"webs": "", "web/192.168.1.9": "; ends 5 flows", "dns": ""}},
	} {
		s.Tell(c.changes, false)
		for name, want := range c.want {
			told := false
			for _, change := range c.changes {
				_, ends, found := strings.Cut(change.Detail, "; ends ")
				told = told || change.Name == name && (found && "; ends "+ends == want || !found && want == "")
			}
			if !told {
				t.Errorf("%s: want %q in %+v", name, want, c.changes)
			}
		}
	}
}

// A flow that a sorry server got stays when the service is back: the policy lists the server, if not the
// table.
func TestSorryFlowsStay(t *testing.T) {
	const servers = "192.168.1.1, 192.168.1.2]"
	text := "version: 1\nservices:\n" + webOf + "[" + servers + ", health_check: {type: tcp}, sorry_servers: [\"192.168.1.9:8080\", 192.168.1.8]}\n"
	p, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: []byte(text)}})
	if p == nil {
		t.Fatal(ds)
	}
	// While it was sorry it had a real server more that is gone for good.
	was := services(t, webOf+"[\"192.168.1.9:8080\", 192.168.1.8, 192.168.1.7, \"192.168.1.9:8081\", "+servers+"}\n")
	will := services(t, webOf+"["+servers+"}\n")
	h := held(3, map[string][]string{"203.0.113.1:80": {"192.168.1.9:8080", "192.168.1.9:8081", "192.168.1.8:80", "192.168.1.7:80", "192.168.1.1:80"}})
	w := &Wanted{Policy: p, Ruleset: will}
	s, _, err := findStale(t.Context(), h, w.stale(), []*nft.Ruleset{was}, will)
	if err != nil || s.Count(false) != 6 {
		t.Errorf("%d flows contradict the policy, want those to 192.168.1.7 and to port 8081: %v, %v", s.Count(false), s, err)
	}
}
