#!/usr/bin/env bash
# Installs the Debian packages that are missing of those that the demo needs, or that of a fleet (fleet), or the
# tests (test), or the tests of the packages (packages). Does nothing where all are there; says what to install where it may not.
set -euo pipefail

declare -A package=([nft]=nftables [conntrack]=conntrack [ip]=iproute2 [ping]=iputils-ping [unshare]=util-linux [setpriv]=util-linux [jq]=jq)
if [ "${1:-}" = fleet ]; then
  package+=([etcd]=etcd-server [bird]=bird2)
fi
if [ "${1:-}" = test ]; then
  package+=([nfcapd]=nfdump [mandoc]=mandoc [chromium]=chromium [promtool]=prometheus [curl]=curl [keepalived]=keepalived [conntrackd]=conntrackd [etcd]=etcd-server [bird]=bird2 [vsftpd]=vsftpd [in.tftpd]=tftpd-hpa [clang]="clang llvm libbpf-dev libc6-dev" [cc]=gcc [python3]=python3)
fi
if [ "${1:-}" = packages ]; then
  package+=([debootstrap]=debootstrap [systemd-nspawn]=systemd-container [nsenter]=util-linux [lintian]=lintian [rpm]=rpm [rpmlint]=rpmlint [cpio]=cpio [buildah]=buildah [busybox]=busybox-static)
fi
missing=()
for program in "${!package[@]}"; do
  command -v "$program" >/dev/null || missing+=(${package[$program]}) # some programs need several packages
done
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "missing programs; install: ${missing[*]}" >&2
  exit 1
fi
echo "installing ${missing[*]}" >&2
# The tests want programs, no server that Debian starts when it installs them (policy-rc.d, invoke-rc.d(8)).
if [ ! -e /usr/sbin/policy-rc.d ]; then
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
for server in prometheus etcd bird conntrackd; do
  if [[ " ${missing[*]} " == *" $server"* ]] && command -v systemctl >/dev/null; then
    systemctl --quiet disable "$server" 2>/dev/null || true # nor at the next boot
  fi
done
