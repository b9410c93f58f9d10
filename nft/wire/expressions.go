package wire

import "golang.org/x/sys/unix"

// Attributes of expressions, where something here looks at them; all others are compared by
// number. Registers are u32, NFT_REG_*.
const (
	lookupSet   = unix.NFTA_LOOKUP_SET    // string: the set that a key is looked up in
	lookupDreg  = unix.NFTA_LOOKUP_DREG   // register that gets a map's data; NFT_REG_VERDICT: its verdict
	lookupSetID = unix.NFTA_LOOKUP_SET_ID // u32: setID, where the transaction makes the set
	lookupFlags = unix.NFTA_LOOKUP_FLAGS  // u32: NFT_LOOKUP_F_*

	dynsetSetID   = unix.NFTA_DYNSET_SET_ID  // u32: setID
	dynsetTimeout = unix.NFTA_DYNSET_TIMEOUT // u64: of new elements, milliseconds
	dynsetExpr    = unix.NFTA_DYNSET_EXPR    // expression that each new element gets

	numgenOffset = unix.NFTA_NG_OFFSET // u32: added to each number

	immediateData = unix.NFTA_IMMEDIATE_DATA // data: a value for a register, or a verdict
	cmpData       = unix.NFTA_CMP_DATA       // data: what a register is compared with

	bitwiseMask = unix.NFTA_BITWISE_MASK // data: of its length
	bitwiseXor  = unix.NFTA_BITWISE_XOR  // data: of its length
	bitwiseOp   = 6                      // NFTA_BITWISE_OP, u32: what is done; 0: mask and xor (Linux 5.6)

	byteorderLen  = unix.NFTA_BYTEORDER_LEN  // u32: how many bytes are turned
	byteorderSize = unix.NFTA_BYTEORDER_SIZE // u32: of how many bytes each number is

	ctKey = unix.NFTA_CT_KEY // u32: NFT_CT_*, what of the flow is loaded

	natAddrMin  = unix.NFTA_NAT_REG_ADDR_MIN  // register: first address
	natAddrMax  = unix.NFTA_NAT_REG_ADDR_MAX  // register: last address
	natProtoMin = unix.NFTA_NAT_REG_PROTO_MIN // register: first port
	natProtoMax = unix.NFTA_NAT_REG_PROTO_MAX // register: last port
	natFlags    = unix.NFTA_NAT_FLAGS         // u32: NF_NAT_RANGE_*
	masqFlags   = unix.NFTA_MASQ_FLAGS        // u32: NF_NAT_RANGE_*

	rejectType = unix.NFTA_REJECT_TYPE      // u32: NFT_REJECT_*
	rejectCode = unix.NFTA_REJECT_ICMP_CODE // u8: NFT_REJECT_ICMPX_*

	hashSeed   = unix.NFTA_HASH_SEED   // u32
	hashOffset = unix.NFTA_HASH_OFFSET // u32: added to the hash

	counterBytes   = unix.NFTA_COUNTER_BYTES   // u64
	counterPackets = unix.NFTA_COUNTER_PACKETS // u64

	matchName     = unix.NFTA_MATCH_NAME // string: of a rule that iptables-nft made, what iptables would ask
	matchRevision = unix.NFTA_MATCH_REV
	matchInfo     = unix.NFTA_MATCH_INFO

	targetName = unix.NFTA_TARGET_NAME // string: of a rule that iptables-nft made, what iptables would call

	exthdrDreg  = unix.NFTA_EXTHDR_DREG // register: gets what is loaded
	exthdrType  = 2                     // NFTA_EXTHDR_TYPE, u8: which option
	exthdrFlags = 5                     // NFTA_EXTHDR_FLAGS, u32: NFT_EXTHDR_F_*
	exthdrOp    = 6                     // NFTA_EXTHDR_OP, u32: in which header
	exthdrSreg  = 7                     // NFTA_EXTHDR_SREG, register: what is written
	osfFlags    = 3                     // NFTA_OSF_FLAGS, u32
)
