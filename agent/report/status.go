package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/netip"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
)

type serviceRecord struct {
	*ct.ServiceReport
	Servers []serverRecord `json:"real_servers"` // in place of ServiceReport's
	Quorum  *agent.Quorum  `json:"quorum"`
	Sorry   *bool          `json:"sorry"`
}

type serverRecord struct {
	ct.ServerReport
	Health     *string         `json:"health"`
	LastCheck  *time.Time      `json:"last_check"`
	LastChange *time.Time      `json:"last_change"`
	CheckError *string         `json:"check_error"`
	Override   *agent.Override `json:"override"`
}

type uplinkRecord struct {
	Name      string          `json:"name"`
	Interface string          `json:"interface"`
	State     string          `json:"state"`
	Since     *time.Time      `json:"since"`
	LastCheck *time.Time      `json:"last_check"`
	Error     *string         `json:"error"`
	Kept      bool            `json:"kept"`
	Override  *agent.Override `json:"override"`
	Targets   []targetRecord  `json:"targets"`
}

type targetRecord struct {
	Address   string     `json:"address"`
	Health    string     `json:"health"`
	LastCheck *time.Time `json:"last_check"`
	Error     *string    `json:"check_error"`
}

type agentRecord struct {
	Hash        string    `json:"policy_hash"`
	AppliedAt   time.Time `json:"applied_at"`
	Repairs     uint64    `json:"drift_repairs"`
	PolicyError *string   `json:"policy_error"`
}

// Status writes the sums over all flows, and what an agent knows; of no agent that is null. It is one line of
// JSON, which is never held as a whole: 30,000 services are tens of megabytes.
func Status(w io.Writer, p gateway.Survey, k *Kept) error {
	o := object{w: bufio.NewWriterSize(w, 64<<10)}
	o.json = json.NewEncoder(&o.piece)
	o.json.SetEscapeHTML(false)
	o.text(`{"services":[`)
	for i := range p.Services {
		if i > 0 {
			o.text(",")
		}
		o.value(service(&p.Services[i], k))
	}
	o.text(`],"zones":`)
	if p.Zones == nil {
		p.Zones = []ct.ZoneReport{}
	}
	o.value(p.Zones)
	o.text(`,"conntrack":`)
	o.value(p.Conntrack)
	if all := uplinks(k); len(all) > 0 {
		o.text(`,"uplinks":`)
		o.value(all)
	}
	o.text(`,"agent":`)
	if k == nil {
		o.value(nil)
	} else {
		o.value(agentRecord{k.Agent.Policy.Hash, k.Agent.Policy.AppliedAt.UTC(), k.Agent.Drift.Repairs, text(k.Agent.Policy.Error)})
	}
	o.text("}\n")
	return o.end()
}

// uplinks are those that are objects, as the agent knows them; none without an agent.
func uplinks(k *Kept) []uplinkRecord {
	if k == nil {
		return nil
	}
	out := make([]uplinkRecord, len(k.Agent.Uplinks))
	for i, u := range k.Agent.Uplinks {
		r := uplinkRecord{Name: u.Name, Interface: u.Interface, State: u.State, Since: moment(u.Since), LastCheck: moment(u.LastCheck),
			Error: text(u.Why()), Kept: u.Kept, Override: u.Override, Targets: make([]targetRecord, len(u.Targets))}
		for n, t := range u.Targets {
			r.Targets[n] = targetRecord{agent.TargetText(t.Address), t.Health, moment(t.LastCheck), text(t.Error)}
		}
		out[i] = r
	}
	return out
}

// service is a service with what an agent knows of it.
func service(s *ct.ServiceReport, k *Kept) serviceRecord {
	r := serviceRecord{ServiceReport: s, Servers: make([]serverRecord, len(s.Servers))}
	if k != nil {
		if known, ok := k.Services[s.Name]; ok {
			r.Quorum, r.Sorry = &known.Quorum, &known.Sorry
		}
	}
	for n := range s.Servers {
		o := serverRecord{ServerReport: s.Servers[n]}
		if known := k.Server(s.Name, netip.AddrPortFrom(o.Address, o.Port)); known != nil {
			o.Health, o.LastCheck, o.LastChange, o.CheckError, o.Override = &known.Health, moment(known.LastCheck), moment(known.LastChange), text(known.Error), known.Override
			o.Weight = known.Admin
		}
		r.Servers[n] = o
	}
	return r
}

// object writes JSON piece by piece, and keeps the first error.
type object struct {
	w     *bufio.Writer
	piece bytes.Buffer
	json  *json.Encoder // to piece
	err   error
}

func (o *object) text(s string) { _, _ = o.w.WriteString(s) } // Flush tells

func (o *object) value(v any) {
	o.piece.Reset()
	if err := o.json.Encode(v); err != nil && o.err == nil {
		o.err = err
	}
	_, _ = o.w.Write(bytes.TrimSuffix(o.piece.Bytes(), []byte("\n")))
}

func (o *object) end() error {
	if err := o.w.Flush(); o.err == nil {
		return err
	}
	return o.err
}

// text is null where there is none.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// moment is null where it has not come.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
