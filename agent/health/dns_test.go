package health

import (
	"testing"

	"github.com/miekg/dns"
)

// nameServer answers with a code and records.
func nameServer(t testing.TB, rcode int, records ...string) string {
	return serveUDP(t, func(b []byte) []byte {
		q := new(dns.Msg)
		if q.Unpack(b) != nil {
			return nil
		}
		m := new(dns.Msg).SetRcode(q, rcode)
		for _, r := range records {
			rr, err := dns.NewRR(r)
			if err != nil {
				panic(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		out, err := m.Pack()
		if err != nil {
			panic(err)
		}
		return out
	})
}

func TestDNS(t *testing.T) {
	www := nameServer(t, dns.RcodeSuccess, "www.example.com. 60 IN CNAME web.example.com.", "web.example.com. 60 IN A 192.0.2.80", "web.example.com. 60 IN A 192.0.2.81")
	other := func(b []byte) []byte { // an answer to somebody else's question
		m := new(dns.Msg)
		m.Unpack(b)
		m.Id++
		m.Response = true
		out, _ := m.Pack()
		return out
	}
	ask := Check{Query: "www.example.com"}
	with := func(change func(*Check)) Check {
		k := ask
		change(&k)
		return k
	}
	for _, c := range []struct {
		name  string
		check Check
		to    string
		want  string
	}{
		{"answers", ask, www, ""},
		{"root", Check{}, nameServer(t, dns.RcodeSuccess), ""},
		{"this address", with(func(k *Check) { k.Answer = "192.0.2.81" }), www, ""},
		{"this name", with(func(k *Check) { k.Answer = "WEB.example.com" }), www, ""},
		{"another address", with(func(k *Check) { k.Answer = "192.0.2.99" }), www, "DNS answer lacks 192.0.2.99: it has web.example.com., 192.0.2.80, 192.0.2.81"},
		{"no address", with(func(k *Check) { k.Answer = "192.0.2.99" }), nameServer(t, dns.RcodeSuccess), "DNS answer lacks 192.0.2.99: it is empty"},
		{"IPv6", with(func(k *Check) { k.Record, k.Answer = "AAAA", "2001:db8:0::1" }), nameServer(t, dns.RcodeSuccess, "www.example.com. AAAA 2001:db8::1"), ""},
		{"text", with(func(k *Check) { k.Record, k.Answer = "txt", "alive" }), nameServer(t, dns.RcodeSuccess, `www.example.com. TXT "alive"`), ""},
		{"SERVFAIL", ask, nameServer(t, dns.RcodeServerFailure), "DNS says SERVFAIL"},
		{"NXDOMAIN", ask, nameServer(t, dns.RcodeNameError), "DNS says NXDOMAIN"},
		{"REFUSED", ask, nameServer(t, dns.RcodeRefused), "DNS says REFUSED"},
		{"NXDOMAIN as it should", with(func(k *Check) { k.Rcode = "nxdomain" }), nameServer(t, dns.RcodeNameError), ""},
		{"an answer where none should be", with(func(k *Check) { k.Rcode = "NXDOMAIN" }), www, "DNS says NOERROR, not NXDOMAIN"},
		{"unreachable", ask, refused(t, "udp"), "port unreachable"},
		{"silent", with(func(k *Check) { k.Timeout = short }), serveUDP(t, func([]byte) []byte { return nil }), "no answer in 300ms"},
		{"answers to others", with(func(k *Check) { k.Timeout = short }), serveUDP(t, other), "no answer in 300ms"},
		{"no type of that name", with(func(k *Check) { k.Record = "AAAAA" }), www, `not checked: DNS has no type of record "AAAAA"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.check.Type = DNS
			if got := once(t, c.check, c.to); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
