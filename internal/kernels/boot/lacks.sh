# What snatctl says on a kernel that lacks something, in the form in which tests tell their
# results: takes a module away, applies a policy, and looks for what it is called in the error.
cd /src
status=0

# without MODULE WORDS [POLICY]: apply must fail, name the words, and leave no table behind
without() {
	file=$(find /lib/modules/ -name "$1.ko")
	if [ -z "$file" ]; then
		echo "--- SKIP: Without/$1 (built into this kernel)"
		return
	fi
	mv "$file" /run/away
	depmod
	for pass in 1 2 3 4; do # what others use goes after them
		lsmod | sed 1d | while read -r module _; do rmmod "$module" 2>/dev/null; done
	done
	said=$(unshare -n /job/snatctl apply -f "${3:-examples/policy.yaml}" 2>&1 >/dev/null)
	code=$?
	echo "$said"
	mv /run/away "$file"
	case "$code $said" in
	1*"$2"*) echo "--- PASS: Without/$1" ;;
	*)
		echo "--- FAIL: Without/$1 (exit status $code, want 1 and \"$2\")"
		status=1
		;;
	esac
}

without nft_numgen "this kernel has no expression numgen (module nft_numgen"
without nft_hash "this kernel has no expression hash (module nft_hash"
without nft_reject_inet "this kernel has no expression reject (module nft_reject_inet"
without nft_chain_nat "this kernel has no chains of type nat (module nft_chain_nat"
printf 'version: 1\ngateway: {offload: software}\n' >/run/offload.yaml
without nft_flow_offload "this kernel has no expression flow_offload (module nft_flow_offload" /run/offload.yaml
without nf_flow_table_inet "this kernel has no flowtables (modules nf_flow_table_inet" /run/offload.yaml
printf 'version: 1\nservices: [{name: web, vip: 203.0.113.10, ports: tcp/80, syn_proxy: true, real_servers: [192.168.1.1]}]\n' >/run/syn-proxy.yaml
without nft_synproxy "this kernel has no expression synproxy (module nft_synproxy" /run/syn-proxy.yaml
without nf_tables "this kernel has no nftables: it needs Linux 5.10 or newer with module nf_tables"
depmod
exit $status
