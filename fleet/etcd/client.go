// Package etcd speaks with etcd by its JSON gateway (/v3, of etcd 3.4 and later) over net/http: reading,
// transactions, leases, watches. etcd's own client would say the same for three times the bytes and 13 modules.
//
// A client knows several endpoints, and goes on to the next where one does not answer. What etcd sends is
// read up to a bound.
package etcd

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options say where etcd is, and who asks.
type Options struct {
	Endpoints []string // URLs, or host:port: that is http, or https if files of TLS are given
	CA        string   // PEM file: authorities of etcd's certificates; empty: those of the system
	Cert, Key string   // PEM files: who this is; empty: it shows no certificate
	User      string   // empty: without a name
	Password  string   // file that holds the password of User

	// Patience is for how long a request is tried again, at one endpoint after the other. Zero: each is tried
	// once.
	Patience time.Duration
}

// Client is safe for concurrent use.
type Client struct {
	o         Options
	endpoints []string // without a slash at the end
	at        atomic.Int64
	http      *http.Client

	mu    sync.Mutex // over what follows
	token string     // of User; empty: there is none yet
}

// Times of a request to one endpoint.
const (
	dialTime   = 3 * time.Second
	answerTime = 5 * time.Second // without a byte of an answer, or of the next part of it
	slowest    = 16 << 10        // bytes a second: a line that is slower counts as cut
	pause      = 200 * time.Millisecond
)

// Open returns a client. It reads the files, and asks etcd nothing yet.
func Open(o Options) (*Client, error) {
	c := &Client{o: o}
	secure, err := o.tls()
	if err != nil {
		return nil, err
	}
	if c.endpoints, err = o.endpoints(); err != nil {
		return nil, err
	}
	if (o.User == "") != (o.Password == "") {
		return nil, errors.New("a user needs a file with the password, and the other way round")
	}
	if o.User != "" {
		if _, err := password(o.Password); err != nil {
			return nil, err
		}
	}
	dialer := &net.Dialer{Timeout: dialTime, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}}
	c.http = &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: secure, TLSHandshakeTimeout: dialTime,
			MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second, Proxy: nil,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Close lets go of connections that nobody uses.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// endpoints are the URLs of all.
func (o Options) endpoints() (all []string, err error) {
	scheme := "http://"
	if o.secure() {
		scheme = "https://"
	}
	for _, text := range o.Endpoints {
		text = strings.TrimRight(strings.TrimSpace(text), "/")
		if !strings.Contains(text, "://") {
			text = scheme + text
		}
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Hostname() == "" || u.Path != "" || u.RawQuery != "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https":
			return nil, fmt.Errorf("%q is no endpoint of etcd: write https://HOST:2379", text)
		case u.Scheme == "http" && o.secure():
			return nil, fmt.Errorf("endpoint %s is not secure, and a certificate is given: write https", text)
		case u.Port() == "":
			text += ":2379"
		}
		all = append(all, text)
	}
	if all == nil {
		return nil, errors.New("no endpoint of etcd is given")
	}
	return all, nil
}

// InClear tells whether others can read the password on the way to an endpoint.
func (c *Client) InClear() bool {
	for _, e := range c.endpoints {
		if strings.HasPrefix(e, "http:") && c.o.User != "" {
			return true
		}
	}
	return false
}

// Endpoint is the one that answered last.
func (c *Client) Endpoint() string { return c.endpoints[c.now()] }

func (c *Client) now() int { return int(c.at.Load()) % len(c.endpoints) }

// Turn has the next request go to another endpoint than this one.
func (c *Client) Turn(from string) {
	if at := c.at.Load(); c.Endpoint() == from {
		c.at.CompareAndSwap(at, (at+1)%int64(len(c.endpoints)))
	}
}

// call asks, at one endpoint after the other, and reads at most so many bytes of the answer. A request may
// reach etcd more than once.
func (c *Client) call(ctx context.Context, path string, in, out any, most int64) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	end := time.Now().Add(c.o.Patience)
	for {
		for range c.endpoints {
			endpoint := c.Endpoint()
			err = c.ask(ctx, endpoint, path, body, out, most)
			if err == nil || ctx.Err() != nil || !Passing(err) {
				return err
			}
			c.Turn(endpoint)
		}
		if time.Now().Add(pause).After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// ask asks one endpoint, with the user's token. etcd forgets tokens, and refuses those that are older than a
// change of users.
func (c *Client) ask(ctx context.Context, endpoint, path string, body []byte, out any, most int64) error {
	token, err := c.known(ctx, endpoint)
	if err != nil {
		return err
	}
	err = c.post(ctx, endpoint, path, token, body, out, most)
	if token == "" || !forgotten(err) {
		return err
	}
	c.forget(token)
	if token, err = c.known(ctx, endpoint); err != nil {
		return err
	}
	return c.post(ctx, endpoint, path, token, body, out, most)
}

// post sends one request, and reads the answer. It gives up where nothing moves for too long.
func (c *Client) post(ctx context.Context, endpoint, path, token string, body []byte, out any, most int64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := answerTime + time.Duration(len(body)/slowest)*time.Second
	late := time.AfterFunc(patience, func() { cancel(errSilent) })
	defer late.Stop()
	resp, err := c.send(ctx, endpoint, path, token, body)
	if err != nil {
		return c.failed(ctx, endpoint, err)
	}
	defer resp.Body.Close()
	var answer bytes.Buffer
	_, err = answer.ReadFrom(moving{io.LimitReader(resp.Body, most+1), late})
	switch {
	case err != nil:
		return c.failed(ctx, endpoint, err)
	case int64(answer.Len()) > most:
		return fmt.Errorf("etcd at %s answers with more than %d bytes", endpoint, most)
	case resp.StatusCode != http.StatusOK:
		return refusal(endpoint, resp.StatusCode, answer.Bytes())
	}
	if err := json.Unmarshal(answer.Bytes(), out); err != nil {
		return fmt.Errorf("what answers at %s is no etcd, or one before 3.4: %w", endpoint, err)
	}
	return nil
}

// errSilent says that an endpoint takes a request and does not answer.
var errSilent = errors.New("it does not answer")

// send sends a request.
func (c *Client) send(ctx context.Context, endpoint, path, token string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/v3/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Grpc-Metadata-hasleader", "true") // a member without a leader says so, instead of being silent
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	return c.http.Do(req)
}

// failed says what was asked of whom.
func (c *Client) failed(ctx context.Context, endpoint string, err error) error {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.Canceled) {
		err = cause
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // the endpoint is said below
	}
	return &UnreachableError{endpoint, err}
}

// moving is an answer that arrives: each part gives it more time.
type moving struct {
	io.Reader
	late *time.Timer
}

func (m moving) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	if n > 0 {
		m.late.Reset(answerTime)
	}
	return n, err
}

// secure tells whether anything says that TLS is meant.
func (o Options) secure() bool { return o.CA != "" || o.Cert != "" }

// tls is how connections are made secure.
func (o Options) tls() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if (o.Cert == "") != (o.Key == "") {
		return nil, errors.New("a certificate needs its key, and the other way round: give both")
	}
	if err := o.trust(t); err != nil || o.Cert == "" {
		return t, err
	}
	if _, err := o.identity(); err != nil {
		return nil, err
	}
	t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return o.identity() } // renewed files count
	return t, nil
}
