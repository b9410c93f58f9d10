package keepalived

// everything reads a virtual server of any address: with zones, dsnat's switch for its protocol.
func (k *translator) everything(v *virtual) { k.dsnat = append(k.dsnat, v) }

// rules reads SNAT rules, of lvs-snat v2 and DPVS.
func (k *translator) rules(v *virtual) { k.drop(v, "M001") }

// egress makes zones of what leaves.
func (k *translator) egress() {}
