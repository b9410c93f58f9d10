// Package nstest builds a small world of network namespaces in which a gateway can be
// tried with real packets: three client networks, real servers on an inside network,
// and an outside host behind two uplinks, each with IPv4 and IPv6.
//
//	Office 10.1.5.9 fd01::9   ─lan0┐         ┌wan0─ 8.8.8.0/24 2001:db8:8::/64 ┐
//	Guests 10.2.5.9 fd02::9   ─lan1┤ Gateway ┤                                 ├ Outside
//	Lab    10.66.5.9 fd66::9  ─lan2┘    │    └wan1─ 9.9.9.0/24 2001:db8:9::/64 ┘
//	                                   dc0
//	                RS[0] RS[1] RS[2] ──┘  192.168.1.1-3 fd05::1-3
//
// Every host routes what it does not know to the gateway, Outside included, so that
// VIPs and laddrs reach the gateway without being addresses of it. Each client owns, beside
// its address, the upper half of its network (10.1.128.0/17, fd01::8000:0:0:0/65), and
// can be as many sources as a test likes.
//
// The namespaces have no names: file descriptors of the process hold them, so the kernel
// removes them with the process however it ends, and nothing is left to sweep. Look
// inside with `nsenter --net=<Host.Path>`.
package nstest
