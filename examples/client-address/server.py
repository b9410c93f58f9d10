#!/usr/bin/env python3
"""Who called? A server behind a FULLNAT service with `client_address: toa` reads its client from
the SYN that the kernel saved. No kernel module is needed.

    ./server.py 8080
"""
import ipaddress
import socket
import sys

TCP_SAVE_SYN, TCP_SAVED_SYN = 27, 28


def client(conn):
    """Return (address, port) of who called, or None. The kernel gives the saved SYN once."""
    syn = conn.getsockopt(socket.IPPROTO_TCP, TCP_SAVED_SYN, 512)
    if len(syn) < 40:
        return None
    tcp = syn[(syn[0] & 15) * 4 if syn[0] >> 4 == 4 else 40:]
    options = tcp[20:(tcp[12] >> 4) * 4]
    while len(options) > 1 and options[0] != 0:
        if options[0] == 1:
            options = options[1:]
            continue
        kind, length = options[0], options[1]
        if length < 2:
            return None
        if kind == 254 and length in (8, 20):
            return ipaddress.ip_address(options[4:length]), int.from_bytes(options[2:4], "big")
        options = options[length:]
    return None


def main():
    listener = socket.create_server(("::", int(sys.argv[1]) if len(sys.argv) > 1 else 8080), family=socket.AF_INET6, dualstack_ipv6=True)
    listener.setsockopt(socket.IPPROTO_TCP, TCP_SAVE_SYN, 1)
    while True:
        conn, _ = listener.accept()
        with conn:
            who = client(conn)
            if who is None:
                conn.sendall(b"nobody\n")
            elif who[0].version == 4:
                conn.sendall(b"%s:%d\n" % (str(who[0]).encode(), who[1]))
            else:
                conn.sendall(b"[%s]:%d\n" % (str(who[0]).encode(), who[1]))


if __name__ == "__main__":
    main()
