#!/usr/bin/busybox sh
# The first process of a guest: makes the machine usable, runs the job, switches off.
# The kernel talks on the first serial line, the job on the second.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/busybox HOME=/tmp
/usr/bin/busybox mkdir -p /busybox /proc /sys /dev /tmp /run /var/tmp /root
/usr/bin/busybox --install -s /busybox
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
ip link set lo up
stty -F /dev/ttyS1 raw -echo
busybox depmod
. /job/run >/dev/ttyS1 2>&1 </dev/null
poweroff -f
