package policy

// Gateway is what concerns the whole machine. DefaultGateway is what an absent section means.
type Gateway struct {
	Where
	Table      string   // nftables table, family inet
	Uplinks    []string // interface names, "ppp*" for a prefix; none: any interface
	Routed     []Uplink // uplinks written as objects, in the order written; Uplinks has their interfaces
	Unmatched  Action   // Accept, Drop or Reject
	Invalid    Action   // Accept or Drop: packets toward an uplink that belong to no connection
	Cleanup    Cleanup
	Forwarding bool
	Sysctls    bool
	Offload    Offload
	Addresses  Addresses
	MSS        MSS
	Timeouts   *Timeouts // nil: the kernel's

	RoutingTables Tables // that Routed may use
}

// Cleanup says what becomes of flows that contradict a newly applied policy.
type Cleanup string

// The values of gateway.cleanup.
const (
	CleanupStale Cleanup = "stale"
	CleanupNone  Cleanup = "none"
)

// Offload says whether established flows go to an nft flowtable.
type Offload string

// The values of gateway.offload.
const (
	OffloadOff      Offload = "off"
	OffloadSoftware Offload = "software"
	OffloadAuto     Offload = "auto"
)

// Addresses says what the host itself does about VIPs and laddrs that no interface has. The zero
// value does nothing.
type Addresses struct {
	Mode      AddressMode
	Interface string // that gets them; of AddressesAssign alone
}

// AddressMode is a value of gateway.addresses.
type AddressMode string

// The modes.
const (
	AddressesNone   AddressMode = "none" // default: nothing
	AddressesRoutes AddressMode = "routes"
	AddressesAssign AddressMode = "assign"
)

// OnHost tells whether the mode puts VIPs and laddrs on the host. The zero value does not.
func (m AddressMode) OnHost() bool { return m == AddressesRoutes || m == AddressesAssign }
