package health

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// bufferSize is the largest answer that a DNS check takes in a datagram: what passes without
// fragments (dnsflagday.net, 2020).
const bufferSize = 1232

// probeDNS asks a name server by UDP.
func probeDNS(ctx context.Context, p *probes, t Target) error {
	ask, rcode, err := question(t.Check)
	if err != nil {
		return localError{err}
	}
	conn, end, err := p.open(ctx, "udp", t)
	if err != nil {
		return err
	}
	defer end()
	answer, err := exchange(conn, ask)
	switch {
	case err != nil:
		return datagramError(err)
	case answer.Rcode != rcode && rcode == dns.RcodeSuccess:
		return fmt.Errorf("DNS says %s", rcodeName(answer.Rcode))
	case answer.Rcode != rcode:
		return fmt.Errorf("DNS says %s, not %s", rcodeName(answer.Rcode), rcodeName(rcode))
	}
	return hasAnswer(answer, t.Check.Answer)
}

// question is the message to send and the code to expect.
func question(k *Check) (*dns.Msg, int, error) {
	name, record, code := k.Query, strings.ToUpper(k.Record), strings.ToUpper(k.Rcode)
	if record == "" {
		record = "A"
		if name == "" {
			record = "NS"
		}
	}
	if code == "" {
		code = "NOERROR"
	}
	kind, ok := dns.StringToType[record]
	if !ok {
		return nil, 0, fmt.Errorf("DNS has no type of record %q", record)
	}
	rcode, ok := dns.StringToRcode[code]
	if !ok {
		return nil, 0, fmt.Errorf("DNS has no code %q", code)
	}
	m := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
	m.SetEdns0(bufferSize, false)
	return m, rcode, nil
}

// exchange sends a question and reads until its answer comes.
func exchange(conn net.Conn, ask *dns.Msg) (*dns.Msg, error) {
	c := &dns.Conn{Conn: conn, UDPSize: bufferSize}
	if err := c.WriteMsg(ask); err != nil {
		return nil, err
	}
	for {
		m, err := c.ReadMsg()
		if m != nil && m.Id == ask.Id && m.Response {
			if err != nil {
				return nil, fmt.Errorf("answer is no DNS: %w", err)
			}
			return m, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// hasAnswer looks for a record with some data.
func hasAnswer(m *dns.Msg, want string) error {
	if want == "" {
		return nil
	}
	var got []string
	for _, rr := range m.Answer {
		data := strings.TrimPrefix(rr.String(), rr.Header().String())
		if sameData(data, want) {
			return nil
		}
		got = append(got, data)
	}
	if len(got) == 0 {
		return fmt.Errorf("DNS answer lacks %s: it is empty", want)
	}
	return fmt.Errorf("DNS answer lacks %s: it has %s", want, strings.Join(got[:min(3, len(got))], ", "))
}

// sameData compares the data of a record with what a policy says: addresses by value, names
// whatever their case, with the last dot or without, text with quotes or without.
func sameData(data, want string) bool {
	if a, err := netip.ParseAddr(want); err == nil {
		b, err := netip.ParseAddr(data)
		return err == nil && a == b
	}
	plain := func(s string) string { return strings.TrimSuffix(strings.Trim(s, `"`), ".") }
	return strings.EqualFold(plain(data), plain(want))
}

func rcodeName(code int) string {
	if name := dns.RcodeToString[code]; name != "" {
		return name
	}
	return fmt.Sprintf("code %d", code)
}
