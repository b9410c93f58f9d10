package wire

import "golang.org/x/sys/unix"

// Attributes of a named object (enum nft_object_attributes).
const (
	objTable    = unix.NFTA_OBJ_TABLE // string
	objName     = unix.NFTA_OBJ_NAME  // string: objects of one kind have different names
	objType     = unix.NFTA_OBJ_TYPE  // u32: its kind, NFT_OBJECT_*
	objData     = unix.NFTA_OBJ_DATA  // list: attributes by its kind
	objUserdata = 8                   // NFTA_OBJ_USERDATA, bytes that the kernel keeps for nft (Linux 5.10)
)

// ObjectName returns an object's name.
func ObjectName(b []byte) string { return nameOf(b, objName) }
