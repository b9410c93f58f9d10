package wire

import (
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// nft's numbers for data types (nftables: include/datatype.h, enum datatypes). The kernel
// stores them without looking; `nft list` needs them.
const (
	typeInteger   = 4
	typeIPAddr    = 7
	typeIP6Addr   = 8
	typeInetProto = 12
	typeService   = 13
	typeMark      = 19
	typeIfname    = 41
	typeClass     = 23
	typeBits      = 6 // a concatenation's number is its members', six bits each
	typeVerdict   = unix.NFT_DATA_VERDICT
)

var typeNumbers = map[nft.Type]uint32{
	nft.IPv4: typeIPAddr, nft.IPv6: typeIP6Addr, nft.Proto: typeInetProto,
	nft.Service: typeService, nft.Ifname: typeIfname, nft.Slot: typeInteger, nft.FwMark: typeMark, nft.Class: typeClass,
}

func typeNumber(members []nft.Type) uint32 {
	var n uint32
	for _, t := range members {
		n = n<<typeBits | typeNumbers[t]
	}
	return n
}

// Attributes of a set or map (enum nft_set_attributes). Numbers are in network byte order.
const (
	setTable       = unix.NFTA_SET_TABLE       // string: the table that it is in
	setName        = unix.NFTA_SET_NAME        // string
	setFlags       = unix.NFTA_SET_FLAGS       // u32: NFT_SET_*
	setKeyType     = unix.NFTA_SET_KEY_TYPE    // u32: nft's number for the type of keys, which the kernel keeps
	setKeyLen      = unix.NFTA_SET_KEY_LEN     // u32: bytes of a key, padding included
	setDataType    = unix.NFTA_SET_DATA_TYPE   // u32: as the type of keys; NFT_DATA_VERDICT means verdicts to the kernel, too
	setDataLen     = unix.NFTA_SET_DATA_LEN    // u32: bytes of an element's data; of a range: of first and last
	setPolicy      = unix.NFTA_SET_POLICY      // u32: whether memory or speed decides how it is held
	setDesc        = unix.NFTA_SET_DESC        // list: size, members of a concatenation
	setID          = unix.NFTA_SET_ID          // u32: names the set within the transaction that makes it
	setTimeout     = unix.NFTA_SET_TIMEOUT     // u64: how long elements stay unless they say so, milliseconds
	setGCInterval  = unix.NFTA_SET_GC_INTERVAL // u32: how often those that timed out are swept, milliseconds
	setUserData    = unix.NFTA_SET_USERDATA    // bytes that the kernel keeps for nft
	setObjType     = unix.NFTA_SET_OBJ_TYPE    // u32: kind of the objects that elements name
	setExpr        = 17                        // NFTA_SET_EXPR, list: an expression that each element gets (Linux 5.7)
	setExpressions = 18                        // NFTA_SET_EXPRESSIONS, list of lists: several (Linux 5.11)

	descSize   = unix.NFTA_SET_DESC_SIZE // u32: how many elements it holds at most
	descConcat = 2                       // NFTA_SET_DESC_CONCAT, list: a list for each member of the key (Linux 5.6)
	fieldLen   = 1                       // NFTA_SET_FIELD_LEN, u32: bytes of that member without padding

	setObject = 0x40 // NFT_SET_OBJECT, a flag: a map whose elements name objects, in place of NFT_SET_MAP
	setConcat = 0x80 // NFT_SET_CONCAT, a flag: ranges of several members
)

// realWidths are the sizes of key members without padding, as pipapo sets want them.
var realWidths = map[nft.Type]uint32{nft.IPv4: 4, nft.IPv6: 16, nft.Proto: 1, nft.Service: 2, nft.Ifname: 16, nft.Slot: 4, nft.FwMark: 4, nft.Class: 4}

func flagsOf(s *nft.Set) uint32 {
	var f uint32
	switch s.Data {
	case nft.NoData:
	case nft.ObjectData:
		f |= setObject
	default:
		f |= unix.NFT_SET_MAP
	}
	if s.Interval {
		f |= unix.NFT_SET_INTERVAL
		if len(s.Key) > 1 {
			f |= setConcat
		}
	}
	if s.Dynamic {
		f |= unix.NFT_SET_EVAL
		if !s.Counting {
			f |= unix.NFT_SET_TIMEOUT
		}
	}
	return f
}

// set adds or deletes a set or map.
func (t *Batch) set(o *nft.Op) {
	if o.Mark == nft.Delete {
		t.start(unix.NFT_MSG_DELSET, 0, origin{op: o})
		t.b = nfnl.AppendString(t.b, setName, o.Set.Name)
		t.end()
		return
	}
	t.setID++
	// Without EXCL old kernels take the new declaration of a set that is there in silence and
	// keep the old one (seen on 5.10).
	t.start(unix.NFT_MSG_NEWSET, unix.NLM_F_CREATE|unix.NLM_F_EXCL, origin{op: o})
	t.b = nfnl.AppendString(t.b, setName, o.Set.Name)
	t.b = appendSet(t.b, o.Set, t.setID)
	t.end()
}

// appendSet appends the attributes that declare a set, behind table and name.
func appendSet(b []byte, s *nft.Set, id uint32) []byte {
	b = nfnl.AppendU32(b, setFlags, flagsOf(s))
	b = nfnl.AppendU32(b, setKeyType, typeNumber(s.Key))
	b = nfnl.AppendU32(b, setKeyLen, uint32(s.KeyWidth()))
	b = nfnl.AppendU32(b, setID, id)
	switch s.Data {
	case nft.NoData:
	case nft.ObjectData:
		b = nfnl.AppendU32(b, setObjType, uint32(s.Objects))
	case nft.VerdictData:
		b = nfnl.AppendU32(b, setDataType, typeVerdict)
		b = nfnl.AppendU32(b, setDataLen, 0)
	default:
		b = nfnl.AppendU32(b, setDataType, typeNumber(s.Data.Members()))
		b = nfnl.AppendU32(b, setDataLen, uint32(s.Data.Width()))
	}
	switch size := s.Holds(); {
	case flagsOf(s)&setConcat != 0:
		b = appendFields(b, s.Key)
	case size > 0:
		var at int
		b, at = nfnl.OpenNest(b, setDesc)
		b = nfnl.AppendU32(b, descSize, size)
		nfnl.CloseNest(b, at)
	}
	if s.Counter {
		var at int
		b, at = nfnl.OpenNest(b, setExpr)
		b = nfnl.AppendString(b, exprName, "counter")
		nfnl.CloseNest(b, at)
	}
	return nfnl.AppendAttr(b, setUserData, Userdata(s))
}

// appendFields describes the members of a concatenation of ranges (nf_tables.h,
// NFTA_SET_DESC_CONCAT).
func appendFields(b []byte, key []nft.Type) []byte {
	b, desc := nfnl.OpenNest(b, setDesc)
	b, list := nfnl.OpenNest(b, descConcat)
	for _, t := range key {
		var at int
		b, at = nfnl.OpenNest(b, listElem)
		b = nfnl.AppendU32(b, fieldLen, realWidths[t])
		nfnl.CloseNest(b, at)
	}
	nfnl.CloseNest(b, list)
	nfnl.CloseNest(b, desc)
	return b
}

// DecodeSet reads a set's declaration back from its attributes; what snatctl never
// declares gets an empty Key, so that it differs from all that it does.
func DecodeSet(b []byte) (s *nft.Set, anonymous bool) {
	s = &nft.Set{}
	var flags, keyType, keyLen, dataType, dataLen, size, objects uint32
	var other bool
	for a := (nfnl.Attrs{Rest: b}); a.Next(); {
		switch a.Type {
		case setName:
			s.Name = a.Str()
		case setFlags:
			flags = a.U32()
		case setKeyType:
			keyType = a.U32()
		case setKeyLen:
			keyLen = a.U32()
		case setDataType:
			dataType = a.U32()
		case setDataLen:
			dataLen = a.U32()
		case setDesc:
			at := nfnl.Attrs{Val: nfnl.Find(a.Val, descSize)}
			size = at.U32()
		case setExpr:
			s.Counter = string(nfnl.Find(a.Val, exprName)) == "counter\x00"
			other = other || !s.Counter
		case setObjType:
			objects = a.U32()
		case setTimeout, setGCInterval, setExpressions:
			other = true
		}
	}
	s.Interval = flags&unix.NFT_SET_INTERVAL != 0
	s.Dynamic = flags&unix.NFT_SET_EVAL != 0
	s.Data = dataOf(flags, dataType, dataLen)
	if s.Data == nft.ObjectData {
		s.Objects = nft.ObjectKind(objects)
	}
	s.Key = membersOf(keyType)
	if s.Dynamic {
		s.Counting = flags&unix.NFT_SET_TIMEOUT == 0
		if size == nft.DynamicSize {
			size = 0
		}
	}
	s.Size = size
	if other || uint32(s.Objects) != objects || objects != 0 && !s.Objects.HasMaps() || size != 0 && s.Interval || uint32(s.KeyWidth()) != keyLen || flagsOf(s) != flags {
		s.Key = nil
	}
	return s, flags&unix.NFT_SET_ANONYMOUS != 0
}

func membersOf(number uint32) []nft.Type {
	var out []nft.Type
	for ; number != 0; number >>= typeBits {
		var found nft.Type
		for t, n := range typeNumbers {
			if n == number&(1<<typeBits-1) {
				found = t
			}
		}
		if found == 0 {
			return nil
		}
		out = append([]nft.Type{found}, out...)
	}
	return out
}

func dataOf(flags, number, width uint32) nft.Data {
	if flags&setObject != 0 {
		return nft.ObjectData
	}
	if flags&unix.NFT_SET_MAP == 0 {
		return nft.NoData
	}
	if number == typeVerdict {
		return nft.VerdictData
	}
	for d := nft.Addr4; d <= nft.ClassData; d++ {
		if typeNumber(d.Members()) == number && uint32(d.Width()) == width {
			return d
		}
	}
	return nft.NoData
}
