package gateway

import (
	"context"
	"net/netip"
	"time"

	"github.com/snatctl/snatctl/ct"
)

// Census counts the flows of real servers, again and again: one goroutine hears of ends, another
// counts.
type Census struct {
	hearing
	reader  *Reader
	picture *Picture
	now     *ct.Rates
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
	c := &Census{reader: r}
	return c, c.listen()
}

// Count lists the flows once. With another picture than before nothing is known of what began.
func (c *Census) Count(ctx context.Context, p *Picture) (map[FlowServer]ServerFlows, error) {
	c.mu.Lock()
	if c.picture != p {
		c.picture, c.now = p, ct.NewRates(p.Index, ct.ByServer)
		c.rates = []*ct.Rates{c.now}
	}
	c.now.Begin()
	c.mu.Unlock()
	out := make(map[FlowServer]ServerFlows)
	for f, err := range c.reader.Flows(ctx) {
		if err != nil {
			return nil, err
		}
		c.mu.Lock()
		o, first := c.now.List(f)
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
	rates, known := c.now.Finish()
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
