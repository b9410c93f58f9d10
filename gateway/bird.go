package gateway

import (
	"errors"
	"fmt"
	"strings"

	"github.com/snatctl/snatctl/announce"
	"github.com/snatctl/snatctl/announce/birdlink"
	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// announcing is the file by which BIRD learns what this host has (announce.bird), and those that earlier policies
// left elsewhere.
type announcing struct {
	tell    func(Event)
	changes []announce.Change
	files   []birdFile // that are to be others than they are

	written []birdFile // of files: what is done so far
	loaded  bool       // BIRD uses what was written
}

// compareAnnounced says what is to be done so that BIRD announces what a policy says. earlier are files that other
// policies of this table had.
func (g *Gateway) compareAnnounced(p *policy.Policy, earlier []policy.Announce) (*announcing, error) {
	a := &announcing{tell: g.tell}
	here := p.Announce.BIRD
	if here != "" {
		f, err := readBird(p.Announce)
		if err != nil {
			return nil, err
		}
		f.is = announce.Of(p, announce.DrainedBy(p)).BIRD()
		switch table, ours := announce.WhoseBIRD(f.was); {
		case f.was != "" && !ours:
			return nil, fmt.Errorf("announce.bird: snatctl did not write %s, so it is kept: name another file, or move this one away", here)
		case ours && table != g.table:
			return nil, fmt.Errorf("announce.bird: %s is the file of table %s: each table needs one of its own", here, table)
		}
		a.add(f)
	}
	for _, other := range earlier {
		f, err := readBird(other)
		if err != nil {
			return nil, err
		}
		if table, ours := announce.WhoseBIRD(f.was); ours && table == g.table && f.path != here {
			a.add(f)
		}
	}
	return a, nil
}

// add enters a file if it is to be another.
func (a *announcing) add(f birdFile) {
	if f.was != f.is {
		a.files = append(a.files, f)
		a.changes = append(a.changes, announce.ChangesOfBIRD(f.was, f.is)...)
	}
}

// earlierAnnounced lists the files of earlier policies here, as far as the history knows them.
func (g *Gateway) earlierAnnounced(entries []history.Entry) (out []policy.Announce) {
	seen := map[history.Announced]bool{{}: true}
	for _, e := range g.ofHere(entries) {
		if !seen[e.Announced] {
			seen[e.Announced] = true
			out = append(out, policy.Announce{BIRD: e.Announced.BIRD, Socket: e.Announced.Socket})
		}
	}
	return out
}

// empty tells whether there is nothing to do.
func (a *announcing) empty() bool { return a == nil || len(a.files) == 0 }

// tally counts routes that come and go.
func (a *announcing) tally() (t nft.Tally) {
	for _, c := range a.changes {
		if !c.Gone {
			t.Add++
		}
		if !c.Added {
			t.Delete++
		}
	}
	return t
}

// before writes the files, and asks BIRD whether it can use them. After an error undo takes back what it did.
func (a *announcing) before() error {
	if a.empty() {
		return nil
	}
	for _, f := range a.files {
		if err := f.write(f.is); err != nil {
			return fmt.Errorf("announce.bird: %w", err)
		}
		a.written = append(a.written, f)
	}
	return a.ask((*birdlink.Conn).Check)
}

// untold begins what is said where BIRD announces nothing of a file.
const untold = "routers are not told of VIPs and laddrs: "

// after has BIRD use the files. After an error they are as they were, so that the next apply finds them so, or it
// is an UnannounceError.
func (a *announcing) after() error {
	if a.empty() {
		return nil
	}
	a.loaded = true
	if err := a.ask((*birdlink.Conn).Configure); err != nil {
		return errors.Join(err, a.undo())
	}
	for _, f := range a.files {
		if f.is == "" {
			continue
		}
		if why := f.unheard(); why != "" {
			a.tell(Warning{fmt.Errorf("%s%s", untold, why)})
		}
	}
	return nil
}

// UnannounceError says that what BIRD announces could not be taken back.
type UnannounceError struct{ Err error }

// Error says so.
func (e *UnannounceError) Error() string {
	return fmt.Sprintf("what BIRD announces COULD NOT BE TAKEN BACK: %v; apply again", e.Err)
}

// Unwrap returns the reason.
func (e *UnannounceError) Unwrap() error { return e.Err }

// undo puts the files back, and has BIRD use them if it used others. The error is an UnannounceError.
func (a *announcing) undo() (err error) {
	if a.empty() || len(a.written) == 0 {
		return nil
	}
	for _, f := range a.written {
		err = errors.Join(err, f.write(f.was))
	}
	if a.written = nil; a.loaded {
		err = errors.Join(err, a.ask((*birdlink.Conn).Configure))
	}
	if err != nil {
		return &UnannounceError{err}
	}
	return nil
}

// carryOut does all of it at once. After an error nothing has changed, unless it is an UnannounceError.
func (a *announcing) carryOut() error {
	err := a.before()
	if err == nil {
		err = a.after()
	}
	if err != nil {
		return errors.Join(err, a.undo())
	}
	return nil
}

// ask has each BIRD do something. One that does not run reads its files when it starts.
func (a *announcing) ask(what func(*birdlink.Conn) error) error {
	asked := make(map[string]bool)
	for _, f := range a.files {
		if at := strings.Join(f.sockets, " "); !asked[at] {
			asked[at] = true
			if err := f.ask(what); err != nil && !errors.Is(err, birdlink.ErrAbsent) {
				return err
			}
		}
	}
	return nil
}

// AnnouncedMoved tells whether the file of BIRD is other than a policy with its state says.
func (g *Gateway) AnnouncedMoved(p *policy.Policy) (bool, error) {
	a, err := g.compareAnnounced(p, nil)
	return err == nil && !a.empty(), err
}

// unannounced says why routers do not hear what a policy in force says.
func (g *Gateway) unannounced(p *policy.Policy) []ct.Problem {
	if p.Announce.BIRD == "" {
		return nil
	}
	problem := func(s ct.Severity, text string) []ct.Problem {
		return []ct.Problem{{Severity: s, Object: "gateway", Text: text}}
	}
	a, err := g.compareAnnounced(p, nil)
	if err != nil {
		return problem(ct.Critical, err.Error())
	}
	if t := a.tally(); !a.empty() {
		return problem(ct.Critical, fmt.Sprintf("%s is not as the policy says: routes +%d -%d; %s", p.Announce.BIRD, t.Add, t.Delete, repair))
	}
	f := birdFile{path: p.Announce.BIRD, sockets: p.Announce.Sockets()}
	if why := f.unheard(); why != "" {
		return problem(ct.Warning, untold+why)
	}
	return nil
}

// Announce has routers hear what a policy with its state says: VIPs whose services lost their quorum, or have it again. It
// returns what that changed. After an error nothing has changed, unless it is an UnannounceError.
func (g *Gateway) Announce(p *policy.Policy) ([]announce.Change, error) {
	if g.lock == nil {
		return nil, ErrNotHeld
	}
	a, err := g.compareAnnounced(p, nil)
	if err != nil || a.empty() {
		return nil, err
	}
	if err = a.carryOut(); err != nil {
		return nil, err
	}
	return a.changes, nil
}

// removeAnnounced removes the files of all policies here, as far as the history knows them. undo takes that back.
func (g *Gateway) removeAnnounced() (*announcing, error) {
	var entries []history.Entry
	if g.store.Dir() != "" {
		var err error
		if entries, _, err = g.store.List(g.table); err != nil {
			return nil, err
		}
	}
	a, err := g.compareAnnounced(&policy.Policy{}, g.earlierAnnounced(entries))
	if err != nil {
		return nil, err
	}
	return a, a.carryOut()
}

// tellAnnounced says what a plan means.
func (d *Difference) tellAnnounced(a *announcing) {
	for _, c := range a.changes {
		t := tell.Change{Action: tell.ChangeObject, Kind: tell.KindAnnounced, Name: "bird", Detail: c.Detail}
		if c.Prefix.IsValid() {
			t.Name = c.Prefix.String()
		}
		switch {
		case c.Added:
			t.Action = tell.AddObject
		case c.Gone:
			t.Action = tell.RemoveObject
		}
		d.Changes = append(d.Changes, t)
	}
}
