package page

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/snatctl/snatctl/agent"
)

// twin is a table of the page for programs: all pages of it, with the same query.
type twin struct {
	name, kind string
	write      func(io.Writer, *Whole, Query) error
}

var twins = []twin{
	{"services.csv", "text/csv; charset=utf-8; header=present", servicesCSV},
	{"services.json", "application/json", servicesJSON},
	{"zones.csv", "text/csv; charset=utf-8; header=present", zonesCSV},
	{"zones.json", "application/json", zonesJSON},
}

func (t twin) serve(w http.ResponseWriter, r *http.Request, s *Source) {
	h := w.Header()
	h.Set("Content-Type", t.kind)
	h.Set("Content-Disposition", `inline; filename="`+t.name+`"`)
	h.Set("Cache-Control", "no-store")
	out, end := squeezed(w, r)
	_ = t.write(out, s.Whole(r.Context()), ParseQuery(r.URL.Query())) // who asked is gone
	_ = end()
}

// cell is a text that spreadsheets do not take for a formula (OWASP, "CSV Injection").
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}

// record writes a line, texts made safe.
func record(w *csv.Writer, cells ...string) {
	for i := range cells {
		cells[i] = cell(cells[i])
	}
	_ = w.Write(cells) // Error tells
}

// serviceColumns are those of services.csv: a line for each real server, and first one for the service.
var serviceColumns = []string{"service", "real_server", "state", "since", "why", "up", "needed", "weight", "share_wanted", "share_got", "flows", "new_per_second", "bytes_per_second"}

func servicesCSV(out io.Writer, w *Whole, q Query) error {
	c := csv.NewWriter(out)
	record(c, serviceColumns...)
	for _, s := range sorted(w.Services, q, q.wantsService, ofServiceRow) {
		record(c, append([]string{s.Name, "", s.Condition.Word, when(s.Condition.Since), s.Condition.Why, strconv.Itoa(s.Quorum().Up), strconv.Itoa(s.Quorum().Need), "", "", ""}, loadCells(&s.Load)...)...)
		for _, o := range s.Servers() {
			weight := strconv.Itoa(o.Weight)
			if o.Foreign {
				weight = ""
			}
			record(c, append([]string{s.Name, o.Text, o.Condition.Word, when(o.Condition.Since), o.Condition.Why, "", "", weight, part(o.Wanted), part(o.Got)}, loadCells(&o.Load)...)...)
		}
	}
	c.Flush()
	return c.Error()
}

func zonesCSV(out io.Writer, w *Whole, q Query) error {
	c := csv.NewWriter(out)
	record(c, "zone", "action", "laddr", "pool", "busiest_destination", "ports_used", "ports", "refused", "flows", "new_per_second", "bytes_per_second")
	for _, z := range sorted(w.Zones, q, q.wantsZone, ofZoneRow) {
		record(c, append([]string{z.Name, z.Action, "", "", "", "", "", number(z.Refused)}, loadCells(&z.Load)...)...)
		for _, l := range z.Laddrs() {
			record(c, z.Name, z.Action, l.Address.String(), l.Pool, l.Busiest, number(l.Ports.Used), number(l.Ports.Most), "", number(l.Flows), "", "")
		}
	}
	c.Flush()
	return c.Error()
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

// loadCells are flows, new connections a second and bytes a second; empty where they are not known.
func loadCells(l *Load) []string {
	if !l.Rate.Known {
		return []string{number(l.Flows), "", ""}
	}
	return []string{number(l.Flows), strconv.FormatFloat(l.Rate.New, 'f', 2, 64), strconv.FormatFloat(l.Rate.Bytes, 'f', 0, 64)}
}

func part(s Share) string {
	if !s.Known {
		return ""
	}
	return strconv.FormatFloat(s.Part, 'f', 4, 64)
}

func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stamp(t)
}

// The records of the JSON twins. What is not known is null.
type (
	loadRecord struct {
		Flows uint64   `json:"flows"`
		New   *float64 `json:"new_per_second"`
		Bytes *float64 `json:"bytes_per_second"`
	}
	conditionRecord struct {
		State    string     `json:"state"`
		Standing string     `json:"standing"`
		Since    *time.Time `json:"since"`
		Why      string     `json:"why"`
	}
	serviceRecord struct {
		Name   string `json:"name"`
		Fronts string `json:"fronts"`
		How    string `json:"how"`
		conditionRecord
		Quorum agent.Quorum `json:"quorum"`
		loadRecord
		Servers []serverRecord `json:"real_servers"`
		Laddrs  []laddrRecord  `json:"laddrs"`
	}
	serverRecord struct {
		Address string `json:"address"`
		conditionRecord
		Weight   *int            `json:"weight"`
		Wanted   *float64        `json:"share_wanted"`
		Got      *float64        `json:"share_got"`
		Override *agent.Override `json:"override"`
		loadRecord
	}
	zoneRecord struct {
		Name   string `json:"name"`
		Action string `json:"action"`
		loadRecord
		Refused uint64        `json:"refused"` // connections that got no port
		Laddrs  []laddrRecord `json:"laddrs"`
	}
	laddrRecord struct {
		Address string  `json:"address"`
		Pool    string  `json:"pool"`
		Flows   uint64  `json:"flows"`
		Busiest *string `json:"busiest_destination"`
		Used    uint64  `json:"ports_used"`
		Ports   *uint64 `json:"ports"`
	}
)

// known is null of what is not known.
func known[T any](v T, is bool) *T {
	if !is {
		return nil
	}
	return &v
}

func (l *Load) record() loadRecord {
	return loadRecord{l.Flows, known(l.Rate.New, l.Rate.Known), known(l.Rate.Bytes, l.Rate.Known)}
}

func (c *Condition) record() conditionRecord {
	return conditionRecord{c.Word, c.Standing.Class(), known(c.Since.UTC(), !c.Since.IsZero()), c.Why}
}

func laddrRecords(all []*Laddr) []laddrRecord {
	out := make([]laddrRecord, len(all))
	for i, l := range all {
		out[i] = laddrRecord{l.Address.String(), l.Pool, l.Flows, known(l.Busiest, l.Busiest != ""), l.Ports.Used, known(l.Ports.Most, l.Ports.Most > 0)}
	}
	return out
}

func servicesJSON(out io.Writer, w *Whole, q Query) error {
	list := []serviceRecord{}
	for _, s := range sorted(w.Services, q, q.wantsService, ofServiceRow) {
		r := serviceRecord{s.Name, s.Fronts(), s.How(), s.Condition.record(), s.Quorum(), s.Load.record(), []serverRecord{}, laddrRecords(s.Laddrs())}
		for _, o := range s.Servers() {
			r.Servers = append(r.Servers, serverRecord{o.Text, o.Condition.record(), known(o.Weight, !o.Foreign), known(o.Wanted.Part, o.Wanted.Known), known(o.Got.Part, o.Got.Known), o.Override, o.Load.record()})
		}
		list = append(list, r)
	}
	return json.NewEncoder(out).Encode(list)
}

func zonesJSON(out io.Writer, w *Whole, q Query) error {
	list := []zoneRecord{}
	for _, z := range sorted(w.Zones, q, q.wantsZone, ofZoneRow) {
		list = append(list, zoneRecord{z.Name, z.Action, z.Load.record(), z.Refused, laddrRecords(z.Laddrs())})
	}
	return json.NewEncoder(out).Encode(list)
}
