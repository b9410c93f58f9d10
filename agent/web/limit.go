package web

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Retry-After of those who came when too many were there, in seconds.
const retryAfter = 5

// limit has a listener give at most n connections at a time. One more is told so and closed, at once: if it
// waited in the kernel's queue, nobody would know why nothing comes.
func limit(l *net.TCPListener, n int, secure *tls.Config) net.Listener {
	return &limited{TCPListener: l, used: make(chan struct{}, n), away: make(chan struct{}, mostAway), secure: secure}
}

type limited struct {
	*net.TCPListener
	used   chan struct{} // one for each connection
	away   chan struct{} // one for each that is being sent away
	secure *tls.Config   // nil: plain
}

// Accept returns the next connection that has room.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			return nil, err
		}
		select {
		case l.used <- struct{}{}:
		default:
			l.sendAway(c)
			continue
		}
		out := &conn{TCPConn: c, done: sync.OnceFunc(func() { <-l.used })}
		if l.secure != nil {
			return tls.Server(out, l.secure), nil
		}
		return out, nil
	}
}

// Bounds of telling connections that there is no room.
const (
	mostAway = 16
	awayTime = 500 * time.Millisecond
)

// fullText is what one too many hears.
var fullText = strings.Join([]string{"HTTP/1.1 503 " + http.StatusText(http.StatusServiceUnavailable), "Retry-After: " + strconv.Itoa(retryAfter), "Connection: close", "Content-Length: 0", "", ""}, "\r\n")

// sendAway closes a connection. Those who speak TLS would not understand why, and under a flood nobody is told.
func (l *limited) sendAway(c *net.TCPConn) {
	select {
	case l.away <- struct{}{}:
	default:
		_ = c.Close()
		return
	}
	go func() {
		defer func() { _ = c.Close(); <-l.away }()
		if l.secure != nil {
			return
		}
		_ = c.SetDeadline(time.Now().Add(awayTime))
		_, _ = io.WriteString(c, fullText)
		_ = c.CloseWrite()
		_, _ = io.CopyN(io.Discard, c, mostHeader) // closing on what was not read would take the answer back
	}()
}

// conn gives its room back when it is closed.
type conn struct {
	*net.TCPConn
	done func()
}

func (c *conn) Close() error {
	defer c.done()
	return c.TCPConn.Close()
}
