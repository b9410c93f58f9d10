package gateway

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
)

// Census counts the flows of real servers, again and again: one goroutine hears of ends, another
// counts.
type Census struct {
	reader *Reader
	source *ctlink.EventSource

	mu      sync.Mutex // over what follows
	picture *Picture
	rates   *ct.Rates
}

// ServerFlows is what a census finds of a real server.
type ServerFlows struct {
	Live int    // neither closed nor waiting to be forgotten
	New  uint64 // that have begun since the last count, as far as that is known
}

// FlowServer is a real server to which flows go, by its service and where they go.
type FlowServer struct {
	Service string
	To      netip.AddrPort
}

// NewCensus begins to hear of ends. The reader is the census' from now on.
func NewCensus(r *Reader) (*Census, error) {
	source, err := ctlink.Listen(ctlink.ListenOptions{Kinds: []ct.EventKind{ct.Destroy}})
	if err != nil {
		return nil, err
	}
	return &Census{reader: r, source: source}, nil
}

// Close lets go of the events. It must not be called before Hear has returned.
func (c *Census) Close() { c.source.Close() }

// Hear hears of ends until ctx is done.
func (c *Census) Hear(ctx context.Context) {
	for e, err := range c.source.Events(ctx) {
		c.mu.Lock()
		var overrun *ctlink.OverrunError
		switch {
		case c.rates == nil:
		case err == nil:
			c.rates.Ended(&e.Flow)
		case errors.As(err, &overrun):
			c.rates.Lost()
		}
		c.mu.Unlock()
	}
}

// Count lists the flows once. With another picture than before nothing is known of what began.
func (c *Census) Count(ctx context.Context, p *Picture) (map[FlowServer]ServerFlows, error) {
	c.mu.Lock()
	if c.picture != p {
		c.picture, c.rates = p, ct.NewRates(p.Index, ct.ByServer)
	}
	c.rates.Begin()
	c.mu.Unlock()
	out := make(map[FlowServer]ServerFlows)
	for f, err := range c.reader.Flows(ctx) {
		if err != nil {
			return nil, err
		}
		c.mu.Lock()
		o, first := c.rates.List(f)
		c.mu.Unlock()
		over := f.TCPState == ct.TimeWait || f.TCPState == ct.Close
		if first && !over && o.Service != "" && !o.Past {
			at := FlowServer{o.Service, o.Server}
			n := out[at]
			n.Live++
			out[at] = n
		}
	}
	time.Sleep(quiet) // events of what ended meanwhile come a moment later
	c.mu.Lock()
	defer c.mu.Unlock()
	rates, known := c.rates.Finish()
	for _, r := range rates {
		if known && r.Name != "" {
			at := FlowServer{r.Name, r.At}
			n := out[at]
			n.New = r.New
			out[at] = n
		}
	}
	return out, nil
}
