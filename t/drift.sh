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
unshare -n sh -c 'ip link set lo up; ip link add d0 type dummy; ip link set d0 up; ip addr add 192.168.1.9/24 dev d0; /job/snatctl agent -f /tmp/p.yaml --state-dir /tmp/s --socket /tmp/sock & 
sleep 60; /usr/sbin/tc filter show dev d0 egress; /usr/sbin/tc filter del dev d0 egress; echo deleted; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 5; date; /usr/sbin/tc filter show dev d0 egress; done; kill %1; wait' 2>&1
