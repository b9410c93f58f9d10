package keepalived

import (
	"strings"
)

// rootWords are the keywords of keepalived's own that have nothing to do with virtual servers,
// beside those that begin with vrrp_, static_ and track_ (core/global_parser.c, bfd/bfd_parser.c).
var rootWords = map[string]bool{
	"bfd_instance": true, "garp_group": true, "interface_up_down_delays": true, "linkbeat_interfaces": true, "linkbeat_use_polling": true,
	"net_namespace": true, "net_namespace_ipvs": true, "namespace_with_ipsets": true, "instance": true, "use_pid_dir": true, "child_wait_time": true, "notify": true,
	"random_seed": true, "config_copy_directory": true, "include_check": true, "garp_delay": true,
}

// keep leaves a statement to keepalived, but for what only virtual servers or forks have.
func (k *translator) keep(s *Statement) {
	kept, refs := *s, s.Refs
	kept.Body = nil
	for _, b := range s.Body {
		switch word := b.Word(0); {
		case strings.HasPrefix(word, "lvs_sync_daemon"):
			k.lose("M039", "", b)
		case word == "dpdk_interface":
			k.lose("M265", "", b)
		default:
			refs = b.every(refs)
			kept.Body = append(kept.Body, b)
		}
	}
	k.ReportAs("M210", headed(s), "", refs...)
	k.kept = append(k.kept, &kept)
}

// ofServers are what global_defs say about virtual servers alone.
var ofServers = []string{"lvs_", "checker_", "ipvs_", "nftables_ipvs", "smtp_alert_checker", "enable_snmp_checker", "no_checker_emails"}

// global keeps global_defs without what is about virtual servers.
func (k *translator) global(s *Statement) {
	kept, refs := *s, s.Refs
	kept.Body = nil
	for _, b := range s.Body {
		switch word := b.Word(0); {
		case strings.HasPrefix(word, "lvs_sync_daemon"):
			k.lose("M039", "", b)
		case word == "lvs_timeouts":
			k.lasting = append(k.lasting, b)
		case hasPrefix(word, ofServers):
			k.lose("M211", "", b)
		default:
			refs = b.every(refs)
			kept.Body = append(kept.Body, b)
		}
	}
	k.ReportAs("M210", s.Text+" { }", "", refs...)
	if len(kept.Body) > 0 {
		k.kept = append(k.kept, &kept)
	}
}

func hasPrefix(word string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(word, p) {
			return true
		}
	}
	return false
}

// rest writes the configuration that keepalived keeps. It is empty where it keeps nothing.
func rest(header string, kept []*Statement) []byte {
	if len(kept) == 0 {
		return nil
	}
	var b strings.Builder
	oneLine := func(r rune) rune {
		if r < ' ' {
			return '?'
		}
		return r
	}
	b.WriteString("# " + strings.Map(oneLine, header) + ":\n# what keepalived keeps. The virtual servers are in the policy.\n")
	for _, s := range kept {
		b.WriteString("\n")
		s.write(&b, "")
	}
	return []byte(b.String())
}

// write writes a statement with its block, as Read reads it.
func (s *Statement) write(b *strings.Builder, in string) {
	b.WriteString(in + written(s.Text))
	if s.Block {
		b.WriteString(" {\n")
		for _, inner := range s.Body {
			inner.write(b, in+"    ")
		}
		b.WriteString(in + "}")
	}
	b.WriteString("\n")
}

// written writes the text of a statement so that nothing of it is a comment.
func written(text string) string {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text):
			b.WriteByte(c)
			i++
			c = text[i]
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '#' || c == '!'):
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	if quoted {
		b.WriteByte('"')
	}
	return b.String()
}
