package ctlink

// The kernel's numbers, from linux/netfilter/nfnetlink_conntrack.h.

// Kinds of messages: enum cntl_msg_types, IPCTNL_MSG_CT_….
const (
	ctNew    = 0
	ctGet    = 1
	ctDelete = 2
)

// What is told of a flow: enum ctattr_type, CTA_….
const (
	ctaTupleOrig      = 1
	ctaTupleReply     = 2
	ctaStatus         = 3
	ctaProtoInfo      = 4
	ctaTimeout        = 7
	ctaMark           = 8
	ctaCountersOrig   = 9
	ctaCountersReply  = 10
	ctaID             = 12
	ctaTupleMaster    = 14
	ctaZone           = 18
	ctaTimestamp      = 20
	ctaMarkMask       = 21
	ctaTimestampEvent = 27 // Linux 6.14
)

// Parts of a tuple: enum ctattr_tuple, ctattr_ip and ctattr_l4proto.
const (
	ctaTupleIP    = 1
	ctaTupleProto = 2
	ctaTupleZone  = 3

	ctaIPv4Src = 1
	ctaIPv4Dst = 2
	ctaIPv6Src = 3
	ctaIPv6Dst = 4

	ctaProtoNum        = 1
	ctaProtoSrcPort    = 2
	ctaProtoDstPort    = 3
	ctaProtoICMPID     = 4
	ctaProtoICMPType   = 5
	ctaProtoICMPCode   = 6
	ctaProtoICMPv6ID   = 7
	ctaProtoICMPv6Type = 8
	ctaProtoICMPv6Code = 9
)

// Within the attributes of a flow: enum ctattr_protoinfo, ctattr_protoinfo_tcp,
// ctattr_counters and ctattr_tstamp.
const (
	ctaProtoInfoTCP      = 1
	ctaProtoInfoTCPState = 1

	ctaCountersPackets = 1
	ctaCountersBytes   = 2

	ctaTimestampStart = 1
	ctaTimestampStop  = 2
)
