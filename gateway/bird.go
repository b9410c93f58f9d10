package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

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

// birdFile is a file before and after. A text that is empty is no file.
type birdFile struct {
	path, was, is string
	sockets       []string // where the BIRD listens that includes it
}

// write puts a text in the place of the file's, for whoever reads it all at once.
func (f birdFile) write(text string) error {
	if text == "" {
		if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if dir := filepath.Dir(f.path); errors.Is(os.Mkdir(dir, 0o755), nil) { // BIRD may be installed later
		if err := os.Chmod(dir, 0o755); err != nil { // whatever the umask is
			return err
		}
	}
	return renameio.WriteFile(f.path, []byte(text), 0o644, renameio.IgnoreUmask()) // BIRD is another user
}

// compareAnnounced says what is to be done so that BIRD announces what a policy says. earlier are files that other
// policies of this table had.
func (g *Gateway) compareAnnounced(p *policy.Policy, earlier []policy.Announce) (*announcing, error) {
	a := &announcing{tell: g.tell}
	here := p.Announce.BIRD
	if here != "" {
		f, err := g.birdFile(p.Announce)
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
		f, err := g.birdFile(other)
		if err != nil {
			return nil, err
		}
		if table, ours := announce.WhoseBIRD(f.was); ours && table == g.table && f.path != here {
			a.add(f)
		}
	}
	return a, nil
}

// birdFile reads the file of a policy.
func (g *Gateway) birdFile(of policy.Announce) (f birdFile, err error) {
	was, err := os.ReadFile(of.BIRD)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return f, fmt.Errorf("announce.bird: %w", err)
	}
	return birdFile{path: of.BIRD, was: string(was), sockets: of.Sockets()}, nil
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

// after has BIRD use the files. After an error they are as they were: the next apply finds them so.
func (a *announcing) after() error {
	if a.empty() {
		return nil
	}
	a.loaded = true
	if err := a.ask((*birdlink.Conn).Configure); err != nil {
		return errors.Join(err, a.undo())
	}
	for _, f := range a.files {
		if f.is != "" {
			a.heard(f)
		}
	}
	return nil
}

// undo puts the files back, and has BIRD use them if it used others.
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
		return fmt.Errorf("what BIRD announces could not be taken back: %w; apply again", err)
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

func (f birdFile) ask(what func(*birdlink.Conn) error) error {
	b, err := birdlink.Dial(f.sockets)
	if err != nil {
		return err
	}
	defer b.Close()
	return what(b)
}

// unheard says why BIRD announces nothing of a file; empty: it does.
func (f birdFile) unheard() (why string) {
	err := f.ask(func(b *birdlink.Conn) error {
		has, err := b.Has(announce.Prefix + "*")
		if err == nil && !has {
			why = "bird.conf does not include " + f.path
		}
		return err
	})
	switch {
	case errors.Is(err, birdlink.ErrAbsent):
		return err.Error() + "; it reads " + f.path + " when it starts"
	case err != nil:
		return err.Error()
	}
	return why
}

// heard warns where BIRD announces nothing of a file.
func (a *announcing) heard(f birdFile) {
	if why := f.unheard(); why != "" {
		a.tell(Warning{fmt.Errorf("routers are not told of VIPs and laddrs: %s", why)})
	}
}

// AnnouncedMoved tells whether the file of BIRD is other than a policy with its state says.
func (g *Gateway) AnnouncedMoved(p *policy.Policy) (bool, error) {
	a, err := g.compareAnnounced(p, nil)
	return err == nil && !a.empty(), err
}

// unannounced says why routers do not hear what a policy in force says.
func (g *Gateway) unannounced(p *policy.Policy) ([]ct.Problem, error) {
	if p.Announce.BIRD == "" {
		return nil, nil
	}
	a, err := g.compareAnnounced(p, nil)
	if err != nil {
		return []ct.Problem{{Severity: ct.Critical, Object: "gateway", Text: err.Error()}}, nil
	}
	if t := a.tally(); !a.empty() {
		return []ct.Problem{{Severity: ct.Critical, Object: "gateway", Text: fmt.Sprintf("%s is not as the policy says: routes +%d -%d; %s", p.Announce.BIRD, t.Add, t.Delete, repair)}}, nil
	}
	f := birdFile{path: p.Announce.BIRD, sockets: p.Announce.Sockets()}
	if why := f.unheard(); why != "" {
		return []ct.Problem{{Severity: ct.Warning, Object: "gateway", Text: "routers are not told of VIPs and laddrs: " + why}}, nil
	}
	return nil, nil
}

// Announce has routers hear what a policy with its state says: VIPs whose services lost their quorum, or have it again. It
// returns what that changed. After an error nothing has changed.
func (g *Gateway) Announce(p *policy.Policy) ([]announce.Change, error) {
	if g.lock == nil {
		return nil, ErrNotHeld
	}
	a, err := g.compareAnnounced(p, nil)
	if err != nil || a.empty() {
		return nil, err
	}
	if err = a.before(); err == nil {
		err = a.after()
	}
	if err != nil {
		return nil, errors.Join(err, a.undo())
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
	if err = a.before(); err == nil {
		err = a.after()
	}
	if err != nil {
		return nil, errors.Join(err, a.undo())
	}
	return a, nil
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
