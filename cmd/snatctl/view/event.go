package view

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/host"
	"github.com/snatctl/snatctl/plain"
)

// Notice returns what people should know of what happened, as a line without its end, or some.
// Of stages and times that is nothing.
func Notice(e gateway.Event) string {
	switch e := e.(type) {
	case gateway.Switched:
		if strings.HasPrefix(e.Key, "net/netfilter/") {
			return fmt.Sprintf("set %s to %s", host.SysctlName(e.Key), cmp.Or(e.Value, "1"))
		}
		return fmt.Sprintf("switched on %s", host.SysctlName(e.Key))
	case gateway.Released:
		return fmt.Sprintf("released %s of real servers that take no new connections", plain.Count(e.Clients, "client"))
	case gateway.Warning:
		return fmt.Sprintf("warning: %v", e.Err)
	}
	return watched(e)
}

// watched is what a watch tells.
func watched(e gateway.Event) string {
	switch e := e.(type) {
	case gateway.Gone:
		return fmt.Sprintf("warning: table inet %s is gone: until it is back, connections belong to no zone or service", e.Table)
	case gateway.Unread:
		return fmt.Sprintf("warning: the table could not be read again, so zones and services are the old ones: %v", e.Err)
	case gateway.Unlisted:
		if e.Lost == 0 {
			return fmt.Sprintf("warning: the live flows could not be listed, so the log lacks those that began before it: %v", e.Err)
		}
		return fmt.Sprintf("warning: lost %s, and the flows could not be listed: %v", countMany(e.Lost, "event"), e.Err)
	case gateway.Resynced:
		return fmt.Sprintf("lost %s, %d in all; listed the flows again: %s, %d of them begun unseen (a larger --buffer loses fewer)", countMany(e.Lost, "event"), e.Total, plain.Count(e.Flows, "flow"), e.Unseen)
	case gateway.Refused:
		text := fmt.Sprintf("warning: %s refused: conntrack found no free port or no room, or two packets raced", countMany(e.Connections, "new connection"))
		for _, p := range e.Problems {
			text += fmt.Sprintf("\n  %s: %s: %s", p.Severity, p.Object, p.Text)
		}
		return text
	}
	return ""
}
