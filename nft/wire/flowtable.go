package wire

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// Attributes of a flowtable (enum nft_flowtable_attributes) and of its hook (enum
// nft_flowtable_hook_attributes).
const (
	flowtableTable = 1 // NFTA_FLOWTABLE_TABLE, string
	flowtableName  = 2 // NFTA_FLOWTABLE_NAME, string
	flowtableHook  = 3 // NFTA_FLOWTABLE_HOOK, list: where it looks at packets
	flowtableFlags = 7 // NFTA_FLOWTABLE_FLAGS, u32: NFT_FLOWTABLE_* (Linux 5.7)

	flowtableHookNum  = 1 // NFTA_FLOWTABLE_HOOK_NUM, u32: NF_NETDEV_*
	flowtablePriority = 2 // NFTA_FLOWTABLE_HOOK_PRIORITY, u32
	flowtableDevs     = 3 // NFTA_FLOWTABLE_HOOK_DEVS, list of device names
	deviceName        = 1 // NFTA_DEVICE_NAME, string

	ingress          = 0 // NF_NETDEV_INGRESS (include/uapi/linux/netfilter.h)
	flowtableCounter = 2 // NFT_FLOWTABLE_COUNTER, a flag: flows keep their counters
)

// flowtable adds or deletes a flowtable, or some of its devices.
func (t *Batch) flowtable(o *nft.Op) {
	typ, flags := uint16(unix.NFT_MSG_NEWFLOWTABLE), uint16(unix.NLM_F_CREATE)
	if o.Mark == nft.Delete {
		typ, flags = unix.NFT_MSG_DELFLOWTABLE, 0
	}
	t.start(typ, flags, origin{op: o})
	t.b = nfnl.AppendString(t.b, flowtableName, o.Flowtable.Name)
	if o.Mark == nft.Add || len(o.Flowtable.Devices) > 0 {
		var hook, devices int
		t.b, hook = nfnl.OpenNest(t.b, flowtableHook)
		t.b = nfnl.AppendU32(t.b, flowtableHookNum, ingress)
		t.b = nfnl.AppendU32(t.b, flowtablePriority, 0)
		if len(o.Flowtable.Devices) > 0 {
			t.b, devices = nfnl.OpenNest(t.b, flowtableDevs)
			for _, d := range o.Flowtable.Devices {
				t.b = nfnl.AppendString(t.b, deviceName, d)
			}
			nfnl.CloseNest(t.b, devices)
		}
		nfnl.CloseNest(t.b, hook)
	}
	if o.Mark == nft.Add {
		t.b = nfnl.AppendU32(t.b, flowtableFlags, flowtableCounter)
	}
	t.end()
}

// flowtables says what a kernel lacks that has no flowtable. Without devices there is one
// reason alone (nft_flowtable_type_get).
func flowtables(f *nft.Flowtable) string {
	if len(f.Devices) > 0 {
		return "such interface any more, or no flowtables (module nf_flow_table_inet, CONFIG_NF_FLOW_TABLE_INET)"
	}
	return "flowtables (modules nf_flow_table_inet and nft_flow_offload, CONFIG_NF_FLOW_TABLE_INET and CONFIG_NFT_FLOW_OFFLOAD; Linux 4.16 or newer may have them)"
}

// DecodeFlowtable decodes a flowtable, and tells whether it is one as snatctl makes them.
func DecodeFlowtable(b []byte) (f *nft.Flowtable, ours bool) {
	f, ours = &nft.Flowtable{}, true
	var flags uint32
	for a := (nfnl.Attrs{Rest: b}); a.Next(); {
		switch a.Type {
		case flowtableName:
			f.Name = a.Str()
		case flowtableFlags:
			flags = a.U32()
		case flowtableHook:
			for h := (nfnl.Attrs{Rest: a.Val}); h.Next(); {
				switch h.Type {
				case flowtableHookNum, flowtablePriority:
					ours = ours && h.U32() == 0
				case flowtableDevs:
					for d := (nfnl.Attrs{Rest: h.Val}); d.Next(); {
						ours = ours && d.Type == deviceName
						f.Devices = append(f.Devices, d.Str())
					}
				}
			}
		}
	}
	slices.Sort(f.Devices)
	return f, ours && flags == flowtableCounter
}

// LostInterface tells whether the kernel refused a flowtable of a snapshot because an interface
// of it is gone: that the kernel has flowtables the snapshot shows.
func (e *RefusedError) LostInterface() bool {
	return e.Errno == unix.ENOENT && strings.HasPrefix(e.Object, savedFlowtable)
}

// savedFlowtable begins what a snapshot's flowtable is called in errors.
const savedFlowtable = "flowtable "

// WithoutInterfaces returns the snapshot with flowtables that have no interfaces.
func (s *Snapshot) WithoutInterfaces() *Snapshot {
	bare := *s
	bare.flowtables = nil
	for _, f := range s.flowtables {
		hook, at := nfnl.OpenNest(pick(f, flowtableName, flowtableFlags), flowtableHook)
		hook = append(hook, pick(nfnl.Find(f, flowtableHook), flowtableHookNum, flowtablePriority)...)
		nfnl.CloseNest(hook, at)
		bare.flowtables = append(bare.flowtables, hook)
	}
	return &bare
}
