package view

import (
	"fmt"
	"io"
	"strings"

	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/host"
)

// Event prints what people should know of what happened. Stages and times it leaves out.
func Event(w io.Writer, e gateway.Event) {
	switch e := e.(type) {
	case gateway.Switched:
		if strings.HasPrefix(e.Key, "net/netfilter/") {
			fmt.Fprintf(w, "set %s to 1\n", host.SysctlName(e.Key))
		} else {
			fmt.Fprintf(w, "switched on %s\n", host.SysctlName(e.Key))
		}
	case gateway.Released:
		fmt.Fprintf(w, "released %s of real servers that take no new connections\n", Count(e.Clients, "client"))
	case gateway.Warning:
		fmt.Fprintf(w, "warning: %v\n", e.Err)
	}
}
