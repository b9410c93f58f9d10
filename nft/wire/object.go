package wire

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// Attributes of a named object (enum nft_object_attributes).
const (
	objTable    = unix.NFTA_OBJ_TABLE // string
	objName     = unix.NFTA_OBJ_NAME  // string: objects of one kind have different names
	objType     = unix.NFTA_OBJ_TYPE  // u32: its kind, NFT_OBJECT_*
	objData     = unix.NFTA_OBJ_DATA  // list: attributes by its kind
	objUse      = unix.NFTA_OBJ_USE   // u32: how many rules and elements use it
	objUserdata = 8                   // NFTA_OBJ_USERDATA, bytes that the kernel keeps for nft: the comment (Linux 5.10)
)

// objectCodec is the codec of a kind of objects.
type objectCodec struct {
	option string // of the kernel's configuration that has the kind
	encode func(b []byte, o nft.Object) []byte
	// decode reads the attributes of an object with that name and comment; false for what
	// snatctl never makes.
	decode func(name, comment string, data []byte) (nft.Object, bool)
}

// objectCodecs is all kinds.
var objectCodecs = map[nft.ObjectKind]objectCodec{
	nft.KindCounter:   counterCodec,
	nft.KindCtHelper:  ctHelperCodec,
	nft.KindLimit:     limitCodec,
	nft.KindCtTimeout: ctTimeoutCodec,
	nft.KindSynProxy:  synProxyCodec,
}

// object adds or deletes an object.
func (t *Batch) object(o *nft.Op) error {
	ref := o.Object.Ref()
	codec, ok := objectCodecs[ref.Kind]
	if !ok {
		return fmt.Errorf("object %s: its kind has no encoding", ref)
	}
	if o.Mark == nft.Delete {
		t.start(unix.NFT_MSG_DELOBJ, 0, origin{op: o})
	} else {
		// Without EXCL the kernel takes another declaration of an object that is there in silence,
		// and keeps the old one (nf_tables_api.c, nf_tables_newobj).
		t.start(unix.NFT_MSG_NEWOBJ, unix.NLM_F_CREATE|unix.NLM_F_EXCL, origin{op: o})
	}
	t.b = nfnl.AppendString(t.b, objName, ref.Name)
	t.b = nfnl.AppendU32(t.b, objType, uint32(ref.Kind))
	if o.Mark != nft.Delete {
		var at int
		t.b, at = nfnl.OpenNest(t.b, objData)
		t.b = codec.encode(t.b, o.Object)
		nfnl.CloseNest(t.b, at)
		if c := o.Object.Remark(); c != "" {
			t.b = nfnl.AppendAttr(t.b, objUserdata, commentUserdata(c))
		}
	}
	t.end()
	return nil
}

// DecodeObject reads an object and its name; nil for one that snatctl would never make so.
func DecodeObject(b []byte) (o nft.Object, name string) {
	var kind uint32
	var data, userdata []byte
	for a := (nfnl.Attrs{Rest: b}); a.Next(); {
		switch a.Type {
		case objName:
			name = a.Str()
		case objType:
			kind = a.U32()
		case objData:
			data = a.Val
		case objUserdata:
			userdata = a.Val
		}
	}
	if kind > 255 || len(userdata) > 0 && string(commentUserdata(Comment(userdata))) != string(userdata) {
		return nil, name
	}
	codec, known := objectCodecs[nft.ObjectKind(kind)]
	if !known {
		return nil, name
	}
	o, ours := codec.decode(name, Comment(userdata), data)
	if !ours {
		return nil, name
	}
	return o, name
}
