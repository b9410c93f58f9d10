// Package keepalived brings a keepalived.conf over to the policy language: its virtual servers
// become services, its checkers health checks, and the blocks that the forks for FULLNAT and SNAT
// added become pools and zones. VRRP, addresses and routes stay with keepalived.
//
// It reads upstream's language (keepalived 1.x to 2.3) and that of the forks of alibaba/LVS,
// dsnat, lvs-snat and DPVS. The package is pure: included files come from a function.
package keepalived

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/translate"
)

// Options say how a configuration is read. The zero value reads one file, for no machine in
// particular.
type Options struct {
	Dialect translate.Dialect // empty: it is told by what the configuration has
	ID      string            // what @id conditions are compared with, as keepalived's -i
	Files   Files             // nil: includes find nothing
}

// Translate brings a configuration over. An error is a translate.Unreadable, or a fault of ours.
func Translate(src policy.Source, o Options) (*translate.Result, error) {
	tree, err := Read(src, o.ID, o.Files)
	if err != nil {
		return nil, err
	}
	k := &translator{Ledger: tree.Ledger, setup: translate.New(src.Name), pools: make(map[string]*translate.Pool),
		lists: make(map[string]*list), used: make(map[string]bool), groups: make(map[string]*group), claims: make(map[claim]translate.Place), vips: make(map[netip.Addr]bool)}
	k.dialect, k.by = dialect(tree.Statements)
	if o.Dialect != "" {
		k.dialect, k.by = o.Dialect, "--dialect"
	}
	k.setup.Header = []string{"made from " + cmp.Or(src.Name, "keepalived.conf") + " by snatctl translate keepalived"}
	if o.ID != "" {
		k.setup.Header[0] += " --id " + o.ID
	}
	k.statements(tree.Statements)
	k.egress()
	k.unused()
	for _, s := range k.lasting {
		if len(k.setup.Services)+len(k.setup.Zones) > 0 {
			k.timeouts(s)
		} else {
			k.lose("M211", "", s)
		}
	}
	result, err := k.setup.Finish(k.Ledger, k.dialect, k.by)
	if err != nil {
		return nil, err
	}
	result.Rest = rest(k.setup.Header[0], k.kept)
	return result, nil
}

// translator is a configuration that is being brought over.
type translator struct {
	*translate.Ledger
	setup   *translate.Setup
	dialect translate.Dialect
	by      string

	pools   map[string]*translate.Pool // local_address_group, by name
	named   []*Statement               // the groups of all kinds
	used    map[string]bool            // those that something comes of, by kind and name
	lists   map[string]*list           // deny_ and allow_address_group, by name
	groups  map[string]*group          // virtual_server_group, by name
	claims  map[claim]translate.Place  // what virtual servers have
	vips    map[netip.Addr]bool        // that services have
	kept    []*Statement               // that keepalived keeps
	regions []*region                  // zones of dsnat
	zero    []*virtual                 // virtual servers 0.0.0.0 0
	snat    []snatRule                 // of lvs-snat v2
	matches []*virtual                 // virtual servers by match, of DPVS
	lasting []*Statement               // lvs_timeouts
}

// statements carries out all statements of the file: first those that others name.
func (k *translator) statements(all []*Statement) {
	var virtuals, zones []*Statement
	for _, s := range all {
		if kinds[s.Word(0)] != "" {
			k.named = append(k.named, s)
		}
		switch word := s.Word(0); {
		case word == "virtual_server":
			virtuals = append(virtuals, s)
		case word == "virtual_server_group":
			k.group(s)
		case word == "local_address_group":
			k.pool(s)
		case word == "deny_address_group", word == "allow_address_group":
			k.list(s)
		case word == "zone" && s.Block:
			zones = append(zones, s)
		case word == "tunnel_group", word == "tunnel_entry":
			k.lose("M030", "", s)
		case word == "SSL":
			k.lose("M240", "", s)
		case word == "global_defs":
			k.global(s)
		case rootWords[word] || strings.HasPrefix(word, "vrrp_") || strings.HasPrefix(word, "static_") || strings.HasPrefix(word, "track_"):
			k.keep(s)
		default:
			k.lose(translate.Unknown, "", s)
		}
	}
	for _, s := range zones {
		k.region(s)
	}
	for _, s := range virtuals {
		k.virtual(s)
	}
}

// whole enters that the policy says what a statement says, its block apart.
func (k *translator) whole(s *Statement, n int) {
	k.Whole(s.Refs[:min(n, len(s.Refs))]...)
	if n < len(s.Refs) {
		k.Report("M206", "", s.Refs[n:]...)
	}
	if s.Block && n < blocks {
		k.lose(translate.Unknown, "", s.Body...)
	}
}

// blocks, for whole: the statement has a block, which others account for.
const blocks = 1 << 10

// block is whole for a statement with a block, of n words.
func (k *translator) block(s *Statement, n int) {
	k.Whole(s.Refs[:min(n, len(s.Refs))]...)
	if n < len(s.Refs) {
		k.Report("M206", "", s.Refs[n:]...)
	}
}

// report enters that a statement is not carried over whole, its block apart.
func (k *translator) report(code, more string, s *Statement) {
	k.ReportAs(code, s.Text, more, s.Refs...)
	if s.Block {
		k.lose(code, more, s.Body...)
	}
}

// lose reports whole statements, and each line of their blocks.
func (k *translator) lose(code, more string, all ...*Statement) {
	for _, s := range all {
		k.ReportAs(code, headed(s), more, s.Refs...)
		k.within(s, s.Body)
	}
}

// within reports what is left out with a block, but for what is already reported as lost.
func (k *translator) within(s *Statement, body []*Statement) {
	for _, b := range body {
		if k.Fate(b.Refs[0]) == translate.Lost {
			k.within(s, b.Body)
			continue
		}
		k.ReportAs("M267", headed(b), "it is left out with "+s.Text+" of line "+strconv.Itoa(s.At.Line), b.Refs...)
		k.within(s, b.Body)
	}
}

// headed returns the text of a statement, with braces where it has a block, and without a password.
func headed(s *Statement) string {
	if word := s.Word(0); word == "password" || word == "auth_pass" {
		return word + " …"
	}
	if s.Block {
		return s.Text + " { }"
	}
	return s.Text
}

// every adds the words of a statement and of all in its block.
func (s *Statement) every(refs []translate.Word) []translate.Word {
	refs = append(refs, s.Refs...)
	for _, b := range s.Body {
		refs = b.every(refs)
	}
	return refs
}
