package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// mesh is the conntrackd.conf of docs/active-active.md: each node tells all others of its flows, whose kernels have them at
// once.
const mesh = `
Sync {
    Mode NOTRACK {
        DisableInternalCache on
        DisableExternalCache on
    }
    Multicast {
        IPv4_address 225.0.0.50
        Group 3780
        IPv4_interface 172.16.0.{N}
        Interface core
        Checksum on
    }
}
General {
    HashSize 32768
    HashLimit 262144
    LogFile {DIR}/conntrackd.log
    LockFile {DIR}/conntrackd.lock
    UNIX {
        Path {DIR}/conntrackd.ctl
    }
    NetlinkBufferSize 2097152
    NetlinkBufferSizeMaxGrowth 33554432
    Filter From Kernelspace {
        Protocol Accept {
            TCP
            UDP
        }
        Address Ignore {
            IPv4_address 127.0.0.1
            IPv4_address 172.16.0.1
            IPv4_address 172.16.0.2
            IPv4_address 172.16.0.3
        }
    }
}
`

// meshBird has all nodes take all laddrs, in a larger prefix than their owner announces: it counts where the owner is dead.
const meshBird = "protocol static snatctl_mesh { ipv4; route 198.51.100.0/26 blackhole; }\n"

// With every flow in every kernel nobody is lost when a gateway dies, also where next hops are plain: nf_conntrack_tcp_be_liberal
// is 1, since the kernels of the others have not seen the windows.
func TestActiveMesh(t *testing.T) {
	nstest.Needs(t, "conntrackd")
	a := startActive(t, nstest.FleetOptions{})
	for i, gw := range a.Gateways {
		a.apply(t, i)
		must(t, gw.Sysctl("net/netfilter/nf_conntrack_tcp_be_liberal", "1"))
		must(t, os.WriteFile(filepath.Join(a.Files(i), "snatctl-mesh.conf"), []byte(meshBird), 0o644))
		if _, err := a.Birdc(t.Context(), i, "configure"); err != nil {
			t.Fatal(err)
		}
		conf := filepath.Join(a.Files(i), "conntrackd.conf")
		must(t, os.WriteFile(conf, []byte(strings.NewReplacer("{N}", fmt.Sprint(i+1), "{DIR}", a.Files(i)).Replace(mesh)), 0o644))
		_, err := gw.Start(filepath.Join(a.Files(i), "conntrackd.out"), "conntrackd", "-C", conf)
		must(t, err)
	}
	until(t, "conntrackd to run", func() bool {
		for i, gw := range a.Gateways {
			r, err := gw.Run(t.Context(), "conntrackd", "-C", filepath.Join(a.Files(i), "conntrackd.conf"), "-s")
			if err != nil || r.Code != 0 {
				return false
			}
		}
		return true
	})
	a.via(t, activeVIP, 0, 1, 2)
	a.via(t, "198.51.100.0/26", 0, 1, 2)
	const each = 50
	in, err := a.Outside.HoldEach(each, outsider, "203.0.114.65:80")
	must(t, err)
	out, err := a.Inside.HoldEach(each, func(i int) string { return fmt.Sprintf("10.1.128.%d", 1+i) }, "203.0.113.2:7")
	must(t, err)
	until(t, "all nodes to know all flows", func() bool {
		for _, gw := range a.Gateways {
			flows, err := gw.Flows(t.Context())
			must(t, err)
			known := 0
			for _, f := range flows {
				if to := f.Orig.Dst.String(); f.State == "ESTABLISHED" && (to == "203.0.114.65:80" || to == "203.0.113.2:7") {
					known++
				}
			}
			if known < 2*each {
				return false
			}
		}
		return true
	})
	must(t, a.Die(2))
	a.via(t, activeVIP, 0, 1)
	a.via(t, "198.51.100.48/28")
	// What the routers of the inner networks do, which the laboratory does not have.
	output(t, a.Inside, "ip", "route", "replace", "default", "nexthop", "via", "10.1.0.101", "nexthop", "via", "10.1.0.102")
	for _, rs := range a.RS {
		output(t, rs, "ip", "route", "replace", "192.168.2.32/28", "via", "192.168.1.101")
	}
	held := byGateway(t, in)
	lost := nstest.Lost(append(in, out...), 20*time.Second)
	t.Logf("of %d connections, %d of services through gw3, %d are lost", len(in)+len(out), len(held[2]), len(lost))
	for c, err := range lost {
		t.Errorf("from %s, seen as %s: %v", c.From, c.Peer, err)
	}
}
