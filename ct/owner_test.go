package ct

import (
	"fmt"
	"net/netip"
	"testing"
)

const town = `
service web at=203.0.113.10/tcp/80,203.0.113.10/tcp/443,2001:db8::10/tcp/80 servers=192.168.1.1,192.168.1.2:8080*0,[fd05::1]:80
service dns at=203.0.113.10/udp/53,203.0.113.10/tcp/53 servers=192.168.1.3:5353 laddrs=192.168.2.250-192.168.2.253
service games at=203.0.113.11/udp/8000-8099,203.0.113.11/udp/9000-9009 servers=192.168.1.5
service one at=203.0.113.11/udp/8005 servers=192.168.1.6
service rest at=203.0.113.11/udp/* servers=192.168.1.7
zone mail from=10.1.0.0/16 to=0.0.0.0/0 ports=tcp/25,icmp laddrs=198.51.100.25
zone wan2 from=10.1.0.0/16 iif laddrs=198.51.100.77
zone free from=10.1.9.0/24 to=172.20.0.0/16 action=accept
zone maybe from=10.5.0.0/16 iif action=accept
zone lab from=10.9.8.0/24 map=198.18.8.0/24
zone office from=10.1.0.0/16,fd01::/64 exclude=10.0.0.0/8 laddrs=198.51.100.1-198.51.100.2,198.51.100.25,2001:db8:99::1
zone lan from=10.3.0.0/16 exclude=10.0.0.0/8 action=accept
zone home from=10.4.0.0/16 action=masquerade
zone jail from=10.66.0.0/16 action=drop
`

// TestOwner asks for the owner of flows, one of each kind.
func TestOwner(t *testing.T) {
	x := NewIndex(parseBindings(t, town), gateway)
	for _, c := range []struct{ flow, want string }{
		// services
		{"tcp 8.8.8.8:999 > 203.0.113.10:80 as 8.8.8.8:999 > 192.168.1.1:80", "service web 192.168.1.1:80"},
		{"tcp 8.8.8.8:999 > 203.0.113.10:443 as 8.8.8.8:999 > 192.168.1.1:443", "service web 192.168.1.1:443"},
		{"tcp 8.8.8.8:999 > 203.0.113.10:80 as 8.8.8.8:999 > 192.168.1.2:8080", "service web 192.168.1.2:8080"},
		{"tcp 8.8.8.8:999 > 203.0.113.10:80 as 8.8.8.8:999 > 192.168.1.1:443", "service web 192.168.1.1:443 past"},
		{"tcp 8.8.8.8:999 > 203.0.113.10:80 as 8.8.8.8:999 > 192.168.1.9:80", "service web 192.168.1.9:80 past"},
		{"tcp [2001:db8:5::5]:9 > [2001:db8::10]:80 as [2001:db8:5::5]:9 > [fd05::1]:80", "service web [fd05::1]:80"},
		{"tcp 10.1.5.9:999 > 203.0.113.10:80 as 10.1.5.9:999 > 192.168.1.1:80", "service web 192.168.1.1:80"}, // a zone's client
		{"tcp 10.1.5.9:999 > 203.0.113.10:80 as 198.51.100.1:999 > 192.168.1.1:80", "service web 192.168.1.1:80 laddr 198.51.100.1 past"},
		{"tcp 10.1.5.9:999 > 203.0.113.10:80 as 10.1.5.9:1024 > 192.168.1.1:80", "service web 192.168.1.1:80"}, // another port is no laddr
		{"tcp 10.1.0.1:999 > 203.0.113.10:80 as 10.1.0.1:999 > 192.168.1.1:80", "service web 192.168.1.1:80"},  // the gateway's own
		{"udp 10.1.5.9:999 > 203.0.113.10:53 as 192.168.2.251:999 > 192.168.1.3:5353", "service dns 192.168.1.3:5353 laddr 192.168.2.251 of pool"},
		{"udp 10.1.5.9:999 > 203.0.113.10:53 as 192.168.2.1:999 > 192.168.1.3:5353", "service dns 192.168.1.3:5353 laddr 192.168.2.1 past"},
		{"udp 8.8.8.8:1 > 203.0.113.11:8000 as 8.8.8.8:1 > 192.168.1.5:8000", "service games 192.168.1.5:8000"},
		{"udp 8.8.8.8:1 > 203.0.113.11:8099 as 8.8.8.8:1 > 192.168.1.5:8099", "service games 192.168.1.5:8099"},
		{"udp 8.8.8.8:1 > 203.0.113.11:9004 as 8.8.8.8:1 > 192.168.1.5:9004", "service games 192.168.1.5:9004"},
		{"udp 8.8.8.8:1 > 203.0.113.11:8005 as 8.8.8.8:1 > 192.168.1.6:8005", "service one 192.168.1.6:8005"},
		{"udp 8.8.8.8:1 > 203.0.113.11:8100 as 8.8.8.8:1 > 192.168.1.7:8100", "service rest 192.168.1.7:8100"},
		{"udp 8.8.8.8:1 > 203.0.113.11:7999 as 8.8.8.8:1 > 192.168.1.7:7999", "service rest 192.168.1.7:7999"},
		{"tcp 8.8.8.8:1 > 203.0.113.11:7999 as 8.8.8.8:1 > 192.168.1.7:7999", "nobody past"},
		{"tcp 8.8.8.8:1 > 203.0.113.10:80", "nobody"}, // not sent on
		// maps
		{"tcp 8.8.8.8:1 > 198.18.8.77:22 as 8.8.8.8:1 > 10.9.8.77:22", "zone lab"},
		{"tcp 8.8.8.8:1 > 198.18.8.77:22 as 8.8.8.8:1 > 10.9.8.78:22", "zone lab past"},
		{"icmp 10.9.8.5 > 8.8.8.8 as 198.18.8.5 > 8.8.8.8", "zone lab laddr 198.18.8.5"},
		{"icmp 10.9.8.5 > 8.8.8.8 as 198.18.8.6 > 8.8.8.8", "nobody laddr 198.18.8.6 past"},
		// zones
		{"tcp 10.1.5.9:1 > 8.8.8.8:443 as 198.51.100.2:1 > 8.8.8.8:443", "zone office laddr 198.51.100.2 of pool"},
		{"tcp 10.1.5.9:1 > 8.8.8.8:25 as 198.51.100.25:1 > 8.8.8.8:25", "zone mail laddr 198.51.100.25 of pool"},
		{"tcp 10.1.5.9:1 > 8.8.8.8:26 as 198.51.100.25:1 > 8.8.8.8:26", "zone office laddr 198.51.100.25 of pool"},
		{"icmp 10.1.5.9 > 8.8.8.8 as 198.51.100.25 > 8.8.8.8", "zone mail laddr 198.51.100.25 of pool"},
		{"tcp 10.1.5.9:1 > 8.8.8.8:443 as 198.51.100.77:1 > 8.8.8.8:443", "zone wan2 laddr 198.51.100.77 of pool"},
		{"tcp 10.1.5.9:1 > 8.8.8.8:443 as 198.51.100.88:1 > 8.8.8.8:443", "nobody laddr 198.51.100.88 past"},
		{"tcp 10.1.5.9:1 > 10.2.8.8:443 as 198.51.100.2:1 > 10.2.8.8:443", "zone office laddr 198.51.100.2 of pool"}, // before the exclude
		{"tcp 10.2.5.9:1 > 8.8.8.8:443 as 198.51.100.2:1 > 8.8.8.8:443", "nobody laddr 198.51.100.2 past"},
		{"tcp [fd01::9]:1 > [2001:db8:8::8]:443 as [2001:db8:99::1]:1 > [2001:db8:8::8]:443", "zone office laddr 2001:db8:99::1 of pool"},
		{"tcp 10.4.5.9:1 > 8.8.8.8:443 as 192.0.2.1:1 > 8.8.8.8:443", "zone home laddr 192.0.2.1"},
		{"tcp 10.4.5.9:1 > 8.8.8.8:443 as 192.0.2.9:1 > 8.8.8.8:443", "nobody laddr 192.0.2.9 past"},
		{"tcp 10.1.0.1:1 > 8.8.8.8:443 as 198.51.100.2:1 > 8.8.8.8:443", "nobody laddr 198.51.100.2 past"},             // the gateway's own
		{"tcp 10.1.5.9:1 > 192.0.2.1:44 as 198.51.100.2:1 > 172.17.0.2:443", "zone office laddr 198.51.100.2 of pool"}, // another's port forwarding
		// untranslated
		{"tcp 10.3.5.9:1 > 8.8.8.8:443", "zone lan"},
		{"tcp 10.3.5.9:1 > 10.2.8.8:443", "nobody"}, // excluded
		{"tcp 10.3.5.9:1 > 192.0.2.1:22", "nobody"}, // to the gateway
		{"tcp 10.1.9.9:1 > 172.20.8.8:443", "zone free"},
		{"tcp 10.1.9.9:1 > 172.20.8.8:25", "nobody"}, // zone mail decides
		{"tcp 10.1.9.9:1 > 172.21.8.8:443", "nobody"},
		{"tcp 10.5.5.9:1 > 8.8.8.8:443", "nobody"}, // by which interface?
		{"tcp 10.66.5.9:1 > 8.8.8.8:443", "nobody"},
		{"tcp 10.7.5.9:1 > 8.8.8.8:443", "nobody"},
		{"tcp 8.8.8.8:443 > 10.3.5.9:1", "nobody"},
	} {
		o := x.Owner(parseFlow(t, c.flow))
		if got := ownerText(o); got != c.want {
			t.Errorf("%s\n   belongs to %s\n   want       %s", c.flow, got, c.want)
		}
	}
	var none *Index
	if o := none.Owner(parseFlow(t, "tcp 10.3.5.9:1 > 8.8.8.8:443")); ownerText(o) != "nobody" {
		t.Errorf("without a policy a flow belongs to %s", ownerText(o))
	}
}

func ownerText(o Owner) string {
	text := "nobody"
	if o.Service != "" {
		text = fmt.Sprintf("service %s %s", o.Service, o.Server)
	}
	if o.Zone != "" {
		text = "zone " + o.Zone
	}
	if o.Laddr.IsValid() {
		text += " laddr " + o.Laddr.String()
	}
	if o.Pool != "" {
		text += " of " + o.Pool
	}
	if o.Past {
		text += " past"
	}
	return text
}

// TestManyServers asks about a service with more real servers than are looked at one by one.
func TestManyServers(t *testing.T) {
	s := Service{Name: "big", Fronts: []Front{{netip.MustParseAddr("203.0.113.10"), parsePorts(t, "tcp/80")[0], 0}}}
	for i := range 40 {
		s.Servers = append(s.Servers, Server{Addr: netip.AddrFrom4([4]byte{192, 168, 1, byte(i)}), Port: uint16(i % 2 * 8080)})
	}
	x := NewIndex(Bindings{Services: []Service{s}}, nil)
	for flow, past := range map[string]bool{
		"tcp 8.8.8.8:999 > 203.0.113.10:80 as 8.8.8.8:999 > 192.168.1.38:80":   false,
		"tcp 8.8.8.8:999 > 203.0.113.10:80 as 8.8.8.8:999 > 192.168.1.38:8080": true,
		"tcp 8.8.8.8:999 > 203.0.113.10:80 as 8.8.8.8:999 > 192.168.1.39:8080": false,
		"tcp 8.8.8.8:999 > 203.0.113.10:80 as 8.8.8.8:999 > 192.168.1.39:80":   true,
		"tcp 8.8.8.8:999 > 203.0.113.10:80 as 8.8.8.8:999 > 192.168.1.40:80":   true,
	} {
		if o := x.Owner(parseFlow(t, flow)); o.Past != past || o.Service != "big" {
			t.Errorf("%s: %s, want past %v", flow, ownerText(o), past)
		}
	}
}
