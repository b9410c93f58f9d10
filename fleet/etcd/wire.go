package etcd

// What requests look like as JSON (etcd's rpc.proto).
type (
	wireRange struct {
		Key      []byte `json:"key"`
		End      []byte `json:"range_end,omitempty"`
		KeysOnly bool   `json:"keys_only,omitempty"`
		Limit    int64  `json:"limit,string,omitempty"`
	}
	wireDelete struct {
		Key []byte `json:"key"`
		End []byte `json:"range_end,omitempty"`
	}
	wirePut struct {
		Key   []byte `json:"key"`
		Value []byte `json:"value,omitempty"`
		Lease int64  `json:"lease,string,omitempty"`
		Keep  bool   `json:"ignore_value,omitempty"`
	}
	wireOp struct {
		Range  *wireRange  `json:"request_range,omitempty"`
		Put    *wirePut    `json:"request_put,omitempty"`
		Delete *wireDelete `json:"request_delete_range,omitempty"`
	}
	wireCompare struct {
		Key      []byte `json:"key"`
		End      []byte `json:"range_end,omitempty"`
		Target   Target `json:"target"`
		Result   string `json:"result"`
		Created  *int64 `json:"create_revision,string,omitempty"`
		Modified *int64 `json:"mod_revision,string,omitempty"`
		Lease    *int64 `json:"lease,string,omitempty"`
	}
	wireTxn struct {
		Compare []wireCompare `json:"compare,omitempty"`
		Success []wireOp      `json:"success,omitempty"`
		Failure []wireOp      `json:"failure,omitempty"`
	}
)

func (r *Range) wire() *wireRange {
	return &wireRange{Key: []byte(r.Key), End: []byte(r.End), KeysOnly: r.KeysOnly, Limit: r.Limit}
}

func (t Txn) wire() wireTxn {
	w := wireTxn{Success: ops(t.Then), Failure: ops(t.Else)}
	for _, c := range t.If {
		is := c.Is
		x := wireCompare{Key: []byte(c.Key), End: []byte(c.End), Target: c.Target, Result: "EQUAL"}
		switch c.Target {
		case Created:
			x.Created = &is
		case Modified:
			x.Modified = &is
		case Leased:
			x.Lease = &is
		}
		w.Compare = append(w.Compare, x)
	}
	return w
}

func ops(all []Op) (out []wireOp) {
	for _, o := range all {
		switch {
		case o.Get != nil:
			out = append(out, wireOp{Range: o.Get.wire()})
		case o.Put != nil:
			out = append(out, wireOp{Put: &wirePut{[]byte(o.Put.Key), o.Put.Value, o.Put.Lease, o.Put.Keep}})
		case o.Delete != nil:
			out = append(out, wireOp{Delete: &wireDelete{[]byte(o.Delete.Key), []byte(o.Delete.End)}})
		}
	}
	return out
}
