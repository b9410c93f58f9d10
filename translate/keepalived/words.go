package keepalived

// once are keywords of which the last one decides.
var once = map[string]bool{"protocol": true, "lb_algo": true, "lvs_sched": true, "lb_kind": true, "lvs_method": true, "persistence_timeout": true,
	"persistence_granularity": true, "quorum": true, "hysteresis": true, "sorry_server": true, "laddr_group_name": true, "virtualhost": true, "syn_proxy": true}

// lostWords are keywords of virtual and real servers that have no counterpart.
var lostWords = map[string]string{
	"quorum_up": "M212", "quorum_down": "M212", "notify_up": "M212", "notify_down": "M212", "omega": "M213",
	"net_mask": "M045", "smtp_alert": "M214", "snmp_name": "M214", "ha_suspend": "M045", "nat_mask": "M045", "vip_bind_dev": "M045", "ip_family": "M045",
	"max_conn": "M050", "bps": "M050", "bps_limit": "M050", "cps_limit": "M050", "limit_proportion": "M050",
	"abs_priority": "M223", "hash_target": "M224", "proxy_protocol": "M225", "expire_quiescent_conn": "M045", "quic": "M224",
	"clear_policies": "M045", "log_all_failures": "M214",
}

// inAny reports a statement that has no counterpart, or that nobody understands.
func (k *translator) inAny(s *Statement) {
	if code := lostWords[s.Word(0)]; code != "" {
		k.report(code, "", s)
		return
	}
	k.lose("M001", "", s)
}
