cat > /tmp/p.yaml <<'P'
version: 1
services:
  - name: web
    vip: 203.0.113.10
    ports: tcp/80
    mode: fullnat
    laddrs: 192.168.2.250
    client_address: toa
    real_servers: 192.168.1.1
P
try() { echo "== $1"; unshare -n sh -c 'ip link set lo up; ip addr add 192.168.1.9/24 dev lo; /job/snatctl apply -f /tmp/p.yaml --state-dir /tmp/s; echo "status $?"; nft list tables; tc filter show dev lo egress' 2>&1 | tail -40; }
mount -t securityfs s /sys/kernel/security; cat /sys/kernel/security/lockdown
lsmod | grep conntrack
try plain
mount -t tmpfs x /sys/kernel/btf; try "no BTF"; umount /sys/kernel/btf
echo confidentiality > /sys/kernel/security/lockdown; cat /sys/kernel/security/lockdown
try lockdown
