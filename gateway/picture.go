package gateway

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"time"

	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/host"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/route/routelink"
)

// Picture is a table as it stood at one moment, as reports need it. It never changes.
type Picture struct {
	Table    string
	Stands   bool // otherwise there is no such table, and nothing is bound
	Bindings ct.Bindings
	Index    *ct.Index            // tells whom flows belong to
	Uses     map[inet.Family]bool // families that it is about
	Local    []netip.Addr         // addresses of this host, sorted

	generation nftlink.Generation
}

// ErrNoTable says that the table asked for does not exist.
var ErrNoTable = errors.New("make it with `snatctl apply -f FILE`, or name another with --table or -f FILE")

// Missing returns an ErrNoTable if the table does not exist.
func (p *Picture) Missing() error {
	if p.Stands {
		return nil
	}
	return fmt.Errorf("there is no table inet %s: %w", p.Table, ErrNoTable)
}

// Reader reads the table and the flows. It is not safe for concurrent use; its pictures are.
type Reader struct {
	table string
	nft   *nftlink.Conn
	ct    *ctlink.Conn

	looked time.Time // when it last read the addresses of this host
}

// OpenReader opens the way to a table of this network namespace and to its flows.
func OpenReader(table string) (*Reader, error) {
	r := &Reader{table: table}
	var err error
	if r.nft, err = nftlink.Open(); err != nil {
		return nil, err
	}
	if r.ct, err = ctlink.Open(); err != nil {
		r.nft.Close()
		return nil, err
	}
	return r, nil
}

// Close lets go of it.
func (r *Reader) Close() {
	r.nft.Close()
	r.ct.Close()
}

// Flows lists the kernel's flows. What it yields holds until the next.
func (r *Reader) Flows(ctx context.Context) iter.Seq2[*ct.Flow, error] { return r.ct.Flows(ctx) }

// Stats reads the counters of conntrack.
func (r *Reader) Stats(ctx context.Context) (ctlink.Stats, error) { return r.ct.Stats(ctx) }

// Ruleset reads the table; nil if there is none.
func (r *Reader) Ruleset(ctx context.Context) (*nft.Ruleset, error) {
	rs, _, err := r.read(ctx)
	return rs, err
}

// reading is how long a reader tries to read a table that others keep changing, such as an agent whose
// real servers flap: reading a large one takes longer than it stays as it is.
const reading = 10 * time.Second

func (r *Reader) read(ctx context.Context) (*nft.Ruleset, nftlink.Generation, error) {
	for began := time.Now(); ; {
		rs, generation, err := r.nft.Read(ctx, r.table)
		if !errors.Is(err, nftlink.ErrMoving) || ctx.Err() != nil || time.Since(began) > reading {
			return rs, generation, err
		}
	}
}

// Read reads the table, and with it the counters of new connections.
func (r *Reader) Read(ctx context.Context) (*Picture, error) {
	rs, generation, err := r.read(ctx)
	if err != nil {
		return nil, err
	}
	return r.picture(rs, generation)
}

// picture makes a picture of a table that was read.
func (r *Reader) picture(rs *nft.Ruleset, generation nftlink.Generation) (*Picture, error) {
	p := &Picture{Table: r.table, Stands: rs != nil, Uses: make(map[inet.Family]bool), generation: generation}
	for _, f := range inet.Families {
		p.Uses[f] = rs != nil && usesFamily(rs, f)
	}
	p.Bindings = readback.Bindings(rs)
	r.looked = time.Now()
	return p, p.locate()
}

// locate reads the addresses of this host and makes the index.
func (p *Picture) locate() (err error) {
	if p.Local, err = host.Addresses(); err != nil {
		return err
	}
	p.Index = ct.NewIndex(p.Bindings, p.Local)
	return nil
}

// Routed returns an index that knows by which interfaces flows leave, as far as zones ask: for
// one look at the flows, by one goroutine. The ways are closed after it, and say whether they
// could be asked for.
func (p *Picture) Routed() (*ct.Index, *routelink.Ways) {
	ways := new(routelink.Ways)
	return p.Index.WithWays(ways.Of), ways
}

// lookAgain is how often Refresh looks for new addresses of this host.
const lookAgain = time.Second

// Refresh returns the picture as it is now: the same one while the ruleset, and the addresses of
// this host, are as they were. It looks at the addresses once a second. Counters alone are no
// change.
func (r *Reader) Refresh(ctx context.Context, p *Picture) (*Picture, error) {
	generation, err := r.nft.Generation(ctx)
	if err != nil {
		return p, err
	}
	if generation != p.generation {
		now, err := r.Read(ctx)
		if err != nil {
			return p, err
		}
		return now, nil
	}
	if time.Since(r.looked) < lookAgain {
		return p, nil
	}
	r.looked = time.Now()
	return p.Here()
}

// Here returns the picture with the addresses that this host has now: the same one if they are as they
// were.
func (p *Picture) Here() (*Picture, error) {
	local, err := host.Addresses()
	if err != nil || slices.Equal(p.Local, local) {
		return p, err
	}
	now := *p
	return &now, now.locate()
}
