package health

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// probeHTTP asks once, on a connection of its own: HTTP/1.1, and over TLS HTTP/2 if the server
// wants. Redirects are answers like others, and not followed.
func probeHTTP(ctx context.Context, p *probes, t Target) error {
	req, err := request(ctx, t)
	if err != nil {
		return localError{err}
	}
	conn, end, err := p.open(ctx, "tcp", t)
	if err != nil {
		return err
	}
	defer end()
	ask := askHTTP1
	if t.Check.Type == HTTPS {
		encrypted, err := p.handshake(ctx, conn, t)
		if err != nil {
			return err
		}
		conn = encrypted
		if encrypted.ConnectionState().NegotiatedProtocol == "h2" {
			ask = askHTTP2
		}
	}
	resp, err := ask(conn, req)
	if err != nil {
		return noHTTP(err)
	}
	return t.Check.accepts(resp)
}

// request is what is asked for.
func request(ctx context.Context, t Target) (*http.Request, error) {
	k, to := t.Check, t.Addr()
	path, method := k.Path, k.Method
	if path == "" {
		path = "/"
	}
	if method == "" {
		method = http.MethodGet
	}
	host := to.String()
	if k.Type == HTTP && to.Port() == 80 || k.Type == HTTPS && to.Port() == 443 {
		host = strings.TrimSuffix(host, fmt.Sprintf(":%d", to.Port()))
	}
	req, err := http.NewRequestWithContext(ctx, method, k.Type+"://"+host+path, nil)
	if err != nil {
		return nil, err
	}
	if k.Host != "" {
		req.Host = k.Host
	}
	req.Header.Set("User-Agent", "snatctl-health")
	req.Header.Set("Accept", "*/*")
	req.Close = true
	return req, nil
}

// askHTTP1 writes the request and reads the answer, informational ones (RFC 9110, 15.2) aside.
func askHTTP1(conn net.Conn, req *http.Request) (*http.Response, error) {
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	r := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(r, req)
		if err != nil || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, err
		}
	}
}

// askHTTP2 asks on a connection where TLS has chosen HTTP/2.
func askHTTP2(conn net.Conn, req *http.Request) (*http.Response, error) {
	t := &http.Transport{DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }, Protocols: &http.Protocols{}}
	t.Protocols.SetHTTP2(true)
	c, err := t.NewClientConn(req.Context(), "https", req.URL.Host)
	if err != nil {
		return nil, err
	}
	return c.RoundTrip(req)
}

// accepts judges an answer by its status and body.
func (k *Check) accepts(resp *http.Response) error {
	if !k.hasStatus(resp.StatusCode) {
		return fmt.Errorf("HTTP status %d", resp.StatusCode)
	}
	if k.Body == "" {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer))
	switch {
	case strings.Contains(string(body), k.Body):
		return nil
	case err != nil:
		return err
	}
	return lacks("body", k.Body, body)
}

func (k *Check) hasStatus(code int) bool {
	for _, r := range k.Status {
		if r.First <= code && code <= r.Last {
			return true
		}
	}
	return len(k.Status) == 0 && 200 <= code && code <= 399
}

// noHTTP names the error of an answer that is no HTTP.
func noHTTP(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("connection closed without an HTTP answer")
	}
	if _, rest, ok := strings.Cut(err.Error(), "malformed HTTP "); ok {
		return fmt.Errorf("answer is no HTTP: bad %.80s", rest)
	}
	return err
}

// handshake begins TLS.
func (p *probes) handshake(ctx context.Context, conn net.Conn, t Target) (*tls.Conn, error) {
	k := t.Check
	config := &tls.Config{ServerName: k.serverName(t.Addr().Addr()), NextProtos: []string{"h2", "http/1.1"}, InsecureSkipVerify: !k.Verify}
	if k.Verify && k.CA != "" {
		pool, err := p.roots.of(k.CA)
		if err != nil {
			return nil, localError{err}
		}
		config.RootCAs = pool
	}
	c := tls.Client(conn, config)
	if err := c.HandshakeContext(ctx); err != nil {
		if err == io.EOF {
			return nil, fmt.Errorf("connection closed in the TLS handshake")
		}
		return nil, err
	}
	return c, nil
}

// serverName is the name that the certificate must be for. Go sends no SNI if it is an address.
func (k *Check) serverName(to netip.Addr) string {
	if k.SNI != "" {
		return k.SNI
	}
	host := k.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if host == "" {
		return to.WithZone("").String()
	}
	return host
}
