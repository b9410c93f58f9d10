package agent

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/snatctl/snatctl/agent/balance"
	"github.com/snatctl/snatctl/agent/health"
)

// known is what outlives the agent of a real server that is, or was, down.
type known struct {
	Down    bool
	Since   time.Time // of that state
	UpSince time.Time // when it came back; zero: it did not
	Reason  string
}

// up is what outlives the agent of an uplink.
type up struct {
	Down    bool
	Since   time.Time // of that state; zero: not known
	UpSince time.Time // since when its interface carries; zero: not known
	Reason  string    // why it is down
	Left    bool      // its flows were told to go elsewhere
}

// memory is what an agent of a table leaves to the next one, as a file of the state directory. Its times are
// those of the machine's clock as it was when the memory was written.
type memory struct {
	Written   time.Time                 `json:"written"`
	Overrides []rememberedOverride      `json:"overrides"`
	Servers   []rememberedServer        `json:"servers"`
	Services  map[string]balance.Memory `json:"services,omitempty"`
	Uplinks   []rememberedUplink        `json:"uplinks,omitempty"`
	Reroutes  []rememberedOverride      `json:"uplink_overrides,omitempty"` // their service is an uplink
}

type rememberedUplink struct {
	Uplink string    `json:"uplink"`
	Down   bool      `json:"down"`
	Since  time.Time `json:"since,omitzero"`
	Reason string    `json:"reason,omitempty"`
	Left   bool      `json:"left,omitempty"`
}

type rememberedOverride struct {
	Service string         `json:"service"`
	Server  netip.AddrPort `json:"server,omitzero"`
	Kind    balance.Kind   `json:"kind"`
	Weight  int            `json:"weight,omitempty"`
	Until   time.Time      `json:"until,omitzero"`
}

type rememberedServer struct {
	Service string         `json:"service"`
	Server  netip.AddrPort `json:"server"`
	Down    bool           `json:"down"`
	Since   time.Time      `json:"since"`
	UpSince time.Time      `json:"up_since,omitzero"`
	Reason  string         `json:"reason,omitempty"`
}

// memoryFile is where it stands.
func memoryFile(stateDir, table string) string {
	return filepath.Join(stateDir, "agent", table+".json")
}

// mostMemory bounds what is read back.
const mostMemory = 64 << 20

// remember reads what the agent before left. Times are moved to this process' clock, which does not
// jump when somebody sets that of the machine. Nothing but that clock tells how long no agent ran: if it
// was set back meanwhile, no time has passed. It returns when that was written; zero: there is nothing.
func (a *Agent) remember(now time.Time) (written time.Time, err error) {
	a.overrides, a.known, a.memories = map[health.ID]balance.Override{}, map[health.ID]known{}, map[string]balance.Memory{}
	a.ups, a.reroutes = map[string]up{}, map[string]balance.Override{}
	f, err := os.Open(memoryFile(a.o.StateDir, a.table))
	if errors.Is(err, fs.ErrNotExist) {
		return written, nil
	}
	if err != nil {
		return written, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() > mostMemory {
		return written, fmt.Errorf("%s is too large, or cannot be looked at: %v", f.Name(), err)
	}
	var m memory
	if err := json.NewDecoder(f).Decode(&m); err != nil {
		return written, fmt.Errorf("%s: %w", f.Name(), err)
	}
	wall := now.Round(0)
	if wall.Before(m.Written) {
		wall = m.Written
	}
	here := func(t time.Time) time.Time { return byClock(t, wall, now) }
	for _, o := range m.Overrides {
		a.overrides[health.ID{Service: o.Service, Server: o.Server}] = balance.Override{Kind: o.Kind, Weight: o.Weight, Until: here(o.Until)}
	}
	for _, s := range m.Servers {
		a.known[health.ID{Service: s.Service, Server: s.Server}] = known{s.Down, here(s.Since), here(s.UpSince), s.Reason}
	}
	for _, u := range m.Uplinks {
		a.ups[u.Uplink] = up{Down: u.Down, Since: here(u.Since), Reason: u.Reason, Left: u.Left}
	}
	for _, o := range m.Reroutes {
		a.reroutes[o.Service] = balance.Override{Kind: o.Kind, Until: here(o.Until)}
	}
	for name, service := range m.Services {
		service.At = here(service.At)
		a.memories[name] = service
	}
	return m.Written, nil
}

// byClock says a time by another clock, which has one moment in common with the first. None stays none.
func byClock(t, first, other time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return other.Add(t.Sub(first))
}

// memory is what the next agent has to know.
func (a *Agent) memory() memory { return a.memoryAt(time.Now()) }

// memoryAt says all times by the machine's clock of now: it may have been set since they were noted.
func (a *Agent) memoryAt(now time.Time) memory {
	there := func(t time.Time) time.Time { return byClock(t, now, now.Round(0)) }
	m := memory{Written: now, Overrides: []rememberedOverride{}, Servers: []rememberedServer{}, Services: map[string]balance.Memory{}}
	for id, o := range a.overrides {
		m.Overrides = append(m.Overrides, rememberedOverride{id.Service, id.Server, o.Kind, o.Weight, there(o.Until)})
	}
	for id, k := range a.known {
		m.Servers = append(m.Servers, rememberedServer{id.Service, id.Server, k.Down, there(k.Since), there(k.UpSince), k.Reason})
	}
	for name, u := range a.ups {
		m.Uplinks = append(m.Uplinks, rememberedUplink{name, u.Down, there(u.Since), u.Reason, u.Left})
	}
	for name, o := range a.reroutes {
		m.Reroutes = append(m.Reroutes, rememberedOverride{Service: name, Kind: o.Kind, Until: there(o.Until)})
	}
	if a.tends != nil {
		for _, t := range a.tends.all {
			if t.memory.Short || t.memory.Least != nil {
				is := t.memory
				is.At = there(is.At)
				m.Services[t.service.Name] = is
			}
		}
	}
	m.sort()
	return m
}

// keeper writes memories, each newer than the one before.
type keeper struct {
	path  string
	going atomic.Bool // one is being written beside the loop

	mu   sync.Mutex // over what follows
	last time.Time  // what was written last is from then
}

// write writes a memory, unless a newer one is there.
func (k *keeper) write(m memory) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if m.Written.Before(k.last) {
		return nil
	}
	k.last = m.Written
	return writeWhole(k.path, m)
}

// How often what has changed is written down. Loads of lc and wlc change all the time.
const (
	saveEvery = time.Second
	saveLoads = 10 * time.Second
)

// save writes down what has changed, beside the loop: disks may be slow.
func (a *Agent) save(now time.Time) {
	if wasSet(a.looked, now) {
		a.unsaved = true
	}
	a.looked = now
	loads := len(a.tends.least) > 0 && now.Sub(a.saved) > saveLoads
	if !a.unsaved && !loads || now.Sub(a.saved) < saveEvery || a.keeper.going.Swap(true) {
		return
	}
	a.unsaved, a.saved = false, now
	m := a.memory()
	go func() {
		defer a.keeper.going.Store(false)
		if err := a.keeper.write(m); err != nil {
			a.log.Error("state_unwritten", "error", err)
		}
	}()
}

// wasSet tells whether somebody has set the machine's clock between two times of this process.
func wasSet(from, to time.Time) bool {
	return !from.IsZero() && (to.Round(0).Sub(from.Round(0))-to.Sub(from)).Abs() > time.Second
}

// writeWhole replaces a file: whoever reads it finds the old text or the new one.
func writeWhole(path string, v any) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // it has another name if all goes well
	e := json.NewEncoder(f)
	e.SetIndent("", " ")
	err = e.Encode(v)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
func (m *memory) sort() {
	slices.SortFunc(m.Overrides, func(a, b rememberedOverride) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), a.Server.Compare(b.Server))
	})
	slices.SortFunc(m.Uplinks, func(a, b rememberedUplink) int { return strings.Compare(a.Uplink, b.Uplink) })
	slices.SortFunc(m.Reroutes, func(a, b rememberedOverride) int { return strings.Compare(a.Service, b.Service) })
	slices.SortFunc(m.Servers, func(a, b rememberedServer) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), a.Server.Compare(b.Server))
	})
}
