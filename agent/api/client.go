package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/policy"
)

// Client speaks with the agent at a socket. Each request has a connection of its own, so that nothing stays
// open at either end.
type Client struct {
	socket string
	http   http.Client
}

// Dial returns a client; it calls nobody yet.
func Dial(socket string) *Client {
	c := &Client{socket: socket}
	c.http.Transport = &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}
	return c
}

// patience is how long an agent may take to answer a simple question: its loop may be at work.
const patience = 10 * time.Second

// Snapshot returns what the agent knows.
func (c *Client) Snapshot(ctx context.Context) (agent.Snapshot, error) {
	return get[agent.Snapshot](ctx, c, pathAgent)
}

// Services returns what the agent knows of the services.
func (c *Client) Services(ctx context.Context) ([]agent.Service, error) {
	return get[[]agent.Service](ctx, c, pathServices)
}

// State returns the states of the services.
func (c *Client) State(ctx context.Context) (policy.State, error) {
	return get[policy.State](ctx, c, pathState)
}

// get asks a simple question.
func get[T any](ctx context.Context, c *Client, path string) (v T, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = c.call(ctx, http.MethodGet, path, nil, into(&v))
	return v, err
}

// into reads an answer of one value.
func into(v any) func(io.Reader) error {
	return func(r io.Reader) error { return json.NewDecoder(r).Decode(v) }
}

// Override has the agent carry out an order, and returns the service as it is then.
func (c *Client) Override(ctx context.Context, o agent.Order) (s agent.Service, err error) {
	err = c.call(ctx, http.MethodPost, pathServers, o, into(&s))
	return s, err
}

// Reroute has the agent carry out an order about an uplink, and returns the uplink as it is then.
func (c *Client) Reroute(ctx context.Context, o agent.UplinkOrder) (u agent.Uplink, err error) {
	err = c.call(ctx, http.MethodPost, pathUplinks, o, into(&u))
	return u, err
}

// Clean has the agent end flows that contradict the table. The result stands beside an Error, too.
func (c *Client) Clean(ctx context.Context) (gateway.Cleaned, error) {
	var done Cleaned
	err := c.call(ctx, http.MethodPost, pathCleanup, struct{}{}, into(&done))
	if err == nil && done.End.Kind != Done {
		err = &Error{done.End}
	}
	return done.Cleaned, err
}

// Reload makes the agent read its policy again.
func (c *Client) Reload(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, pathReload, struct{}{}, nil)
}

// Revert takes back what awaits confirmation.
func (c *Client) Revert(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, pathRevert, struct{}{}, nil)
}

// Apply asks the agent to apply its files. It tells what goes on, what was applied, and returns an
// Error if that did not end well.
func (c *Client) Apply(ctx context.Context, r ApplyRequest, hears func(gateway.Event), applied func(AppliedLine)) error {
	var end *End
	err := c.call(ctx, http.MethodPost, pathApply, r, func(in io.Reader) error {
		for d := json.NewDecoder(in); end == nil; {
			var l Line
			if err := d.Decode(&l); err != nil {
				return err
			}
			if e := l.event(); e != nil {
				hears(e)
			}
			if l.Applied != nil {
				applied(*l.Applied)
			}
			end = l.End
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case end.Kind != Done:
		return &Error{*end}
	}
	return nil
}

// call asks, and has the answer read.
func (c *Client) call(ctx context.Context, method, path string, v any, read func(io.Reader) error) error {
	var body bytes.Buffer
	if v != nil {
		if err := json.NewEncoder(&body).Encode(v); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://agent"+path, &body)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.failed(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var end End
		if err := json.NewDecoder(io.LimitReader(resp.Body, mostRequest)).Decode(&end); err != nil || end.Text == "" {
			return c.failed(errors.New(resp.Status))
		}
		return &Error{end}
	}
	if read == nil {
		return nil
	}
	if err := read(resp.Body); err != nil {
		return c.failed(fmt.Errorf("its answer ended early: %w", err))
	}
	return nil
}

func (c *Client) failed(err error) error {
	return fmt.Errorf("ask the agent at %s: %w", c.socket, err)
}
