package exporter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/snatctl/snatctl/ipfix"
)

// Collector is where records go.
type Collector struct {
	Network string // "udp" or "tcp"
	Address string // host and port
}

// port is IANA's for IPFIX.
const port = "4739"

// ParseCollector reads HOST, HOST:PORT, udp://HOST:PORT or tcp://HOST:PORT. Without a scheme it
// is UDP, as collectors expect, and without a port IANA's, 4739.
func ParseCollector(s string) (Collector, error) {
	network, rest, found := strings.Cut(s, "://")
	if !found {
		network, rest = "udp", s
	}
	if network != "udp" && network != "tcp" {
		return Collector{}, fmt.Errorf("%q: no IPFIX over %q: write udp://HOST:PORT or tcp://HOST:PORT", s, network)
	}
	host, number, err := net.SplitHostPort(rest)
	if err != nil {
		host, number = strings.Trim(rest, "[]"), port
		if strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return Collector{}, fmt.Errorf("%q is not HOST:PORT: %v", s, err)
		}
	}
	if n, err := net.LookupPort(network, number); host == "" || err != nil || n == 0 {
		return Collector{}, fmt.Errorf("%q is not HOST:PORT, such as 192.0.2.1:%s", s, port)
	}
	return Collector{network, net.JoinHostPort(host, number)}, nil
}

// String returns "udp://192.0.2.1:4739".
func (c Collector) String() string { return c.Network + "://" + c.Address }

// link is a connection with a collector, made when it is needed and again after it failed.
type link struct {
	to           Collector
	domain       uint32
	destinations bool

	sequence uint32    // data records sent by this connection
	last     uint32    // data records in the message that went before: a refusal is about that
	taught   time.Time // when templates were sent last; zero: they must be now
	since    int       // messages sent since

	ctx  context.Context // done when the link is closed for good
	mu   sync.Mutex      // over conn, for close
	conn net.Conn
}

// Over UDP templates are sent again after a time and after so many messages, since the
// collector may have been started anew (RFC 7011, section 8.4). Over TCP they hold as long as
// the connection.
const (
	teachEvery    = 10 * time.Second
	teachMessages = 500
)

// patience bounds how long a collector may take to accept a connection, or a message over it.
const patience = 10 * time.Second

// send sends a message, and templates before if they are due. lost is how many records of
// earlier messages turned out to be lost. After an error the message has not been sent.
func (l *link) send(m *ipfix.Message) (lost uint32, err error) {
	conn, err := l.open()
	if err != nil {
		return 0, err
	}
	now := time.Now()
	if l.taught.IsZero() || l.to.Network == "udp" && (now.Sub(l.taught) >= teachEvery || l.since >= teachMessages) {
		templates := ipfix.NewMessage(message)
		templates.AddTemplates(l.destinations)
		if lost, err = l.write(conn, templates, now); err != nil {
			return lost, err
		}
		l.taught, l.since = now, 0
	}
	l.since++
	return l.write(conn, m, now)
}

func (l *link) write(conn net.Conn, m *ipfix.Message, now time.Time) (lost uint32, err error) {
	_ = conn.SetWriteDeadline(now.Add(patience)) // a socket takes deadlines
	_, err = conn.Write(m.Seal(l.sequence, l.domain, now))
	switch {
	case err == nil:
		l.sequence += m.Records() // modulo 2^32 (RFC 7011, section 3.1)
		l.last = m.Records()
		return 0, nil
	case l.to.Network == "udp" && errors.Is(err, syscall.ECONNREFUSED):
		// Nobody was there to take the message before. The socket stays as it is.
		lost, l.last = l.last, 0
	default:
		l.drop()
	}
	l.taught = time.Time{}
	return lost, fmt.Errorf("collector %s: %w", l.to, err)
}

// open returns the connection, a new one if there is none.
func (l *link) open() (net.Conn, error) {
	l.mu.Lock()
	conn := l.conn
	l.mu.Unlock()
	if conn != nil {
		return conn, nil
	}
	dialer := net.Dialer{Timeout: patience}
	conn, err := dialer.DialContext(l.ctx, l.to.Network, l.to.Address)
	if err != nil {
		return nil, fmt.Errorf("collector %s: %w", l.to, err)
	}
	l.sequence, l.last, l.taught = 0, 0, time.Time{}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		conn.Close()
		return nil, net.ErrClosed
	}
	l.conn = conn
	if l.to.Network == "tcp" {
		go hangUp(conn)
	}
	return conn, nil
}

// hangUp closes a connection when the collector has: else what is written next would be lost.
func hangUp(conn net.Conn) {
	_, _ = io.Copy(io.Discard, conn) // a collector says nothing
	conn.Close()
}

// drop lets go of the connection. It may be called while a message is sent, which then fails.
func (l *link) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}
