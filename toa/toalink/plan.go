package toalink

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/toa"
)

// Plan is what makes the programs of a table as they are wanted.
type Plan struct {
	Program   *toa.Program
	Put, Drop []string // interfaces: those that get the program, and those that lose what they have

	table, digest string // of the program that is wanted
	have          map[string]standing
}

// Empty tells whether there is nothing to do.
func (p *Plan) Empty() bool { return p == nil || len(p.Put) == 0 && len(p.Drop) == 0 }

// Tally counts interfaces: those that get a program, and those that lose one. A change is both.
func (p *Plan) Tally() (t nft.Tally) {
	t.Add, t.Delete = len(p.Put), len(p.Drop)
	for _, iface := range p.Put {
		if !p.New(iface) {
			t.Delete++
		}
	}
	return t
}

// New tells whether an interface had no program so far.
func (p *Plan) New(iface string) bool { _, had := p.have[iface]; return !had }

// Compare reads what of a table stands, and says what makes it the program that is wanted.
func Compare(table string, want *toa.Program) (*Plan, error) {
	have, err := everywhere(table)
	if err != nil {
		return nil, fmt.Errorf("client_address: read the programs of interfaces: %w", err)
	}
	p := &Plan{Program: want, table: table, digest: digestOf(want), have: have}
	wanted := want.Interfaces
	if want.Empty() {
		wanted = nil
	}
	for _, iface := range wanted {
		if have[iface].digest(table) != p.digest {
			p.Put = append(p.Put, iface)
		}
	}
	for iface := range have {
		if !slices.Contains(wanted, iface) {
			p.Drop = append(p.Drop, iface)
		}
	}
	slices.Sort(p.Drop)
	return p, nil
}

// digestOf is equal for equal programs that know the same: another version of snatctl may have another program.
func digestOf(p *toa.Program) string {
	h := sha256.New()
	h.Write(_ProgramBytes)
	io.WriteString(h, p.Digest())
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Done is what a plan has done.
type Done struct {
	plan  *Plan
	put   []string
	drop  []string
	held  map[string]*held // what stood at an interface; nil: nothing, or it cannot be brought back
	maybe error            // why not
}

// Before puts the program where it is wanted: the one that stands at other interfaces already, else one that it
// loads. After an error all is as it was, or the error is an UndoError.
func (p *Plan) Before() (*Done, error) {
	d := &Done{plan: p, held: make(map[string]*held)}
	if p.Empty() {
		return d, nil
	}
	var earlier, same *held // some program that stands, and one that knows what is wanted
	for iface, at := range p.have {
		h, err := hold(at)
		if err != nil {
			d.maybe = err
			continue
		}
		if d.held[iface], earlier = h, h; at.digest(p.table) == p.digest {
			same = h
		}
	}
	if len(p.Put) == 0 {
		return d, nil
	}
	var fds programs
	if same != nil {
		fds = same.fds()
	} else {
		objects, err := load(p.Program, earlier)
		if err != nil {
			d.Close()
			return nil, err
		}
		defer objects.Close() // the filters keep it
		fds = programs{objects.Tell.FD(), objects.Room.FD()}
	}
	for _, iface := range p.Put {
		d.put = append(d.put, iface)
		if err := attach(p.table, p.digest, iface, fds); err != nil {
			err = fmt.Errorf("client_address: interface %s: %w", iface, err)
			return nil, errors.Join(err, d.Undo())
		}
	}
	return d, nil
}

// After removes what is not needed any more.
func (d *Done) After() error {
	for _, iface := range d.plan.Drop {
		d.drop = append(d.drop, iface)
		if err := detach(d.plan.table, iface); err != nil {
			return fmt.Errorf("client_address: interface %s: %w", iface, err)
		}
	}
	return nil
}

// UndoError says which programs are not those of before.
type UndoError struct{ Err error }

// Error says so.
func (e *UndoError) Error() string { return e.Err.Error() }

// Unwrap returns what kept them.
func (e *UndoError) Unwrap() error { return e.Err }

// Undo brings back what stood before. The error is an UndoError. nil has nothing to bring back.
func (d *Done) Undo() error {
	if d == nil {
		return nil
	}
	defer d.Close()
	var left error
	for _, iface := range append(d.put, d.drop...) {
		at, had := d.plan.have[iface]
		var err error
		switch h := d.held[iface]; {
		case !had:
			err = detach(d.plan.table, iface)
		case h == nil:
			err = d.maybe
		default:
			err = attach(d.plan.table, at.digest(d.plan.table), iface, h.fds())
		}
		if err != nil {
			left = errors.Join(left, fmt.Errorf("client_address: the program at interface %s is not the one before: %w; apply again", iface, err))
		}
	}
	d.put, d.drop = nil, nil
	if left == nil {
		return nil
	}
	return &UndoError{left}
}

// Close lets go of what Undo would need. nil has nothing.
func (d *Done) Close() {
	if d == nil {
		return
	}
	for iface, h := range d.held {
		h.Close()
		delete(d.held, iface)
	}
}
