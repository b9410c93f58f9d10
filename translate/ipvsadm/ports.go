package ipvsadm

import (
	"strconv"
	"strings"
	"sync"
)

// wellKnown are names of ports that ipvsadm prints without -n (IANA's registry of service names).
// A name stands for the same port in all protocols.
const wellKnown = `
	tcpmux 1, echo 7, discard 9, systat 11, daytime 13, netstat 15, qotd 17, chargen 19, ftp-data 20, ftp 21, ssh 22, telnet 23, smtp 25, time 37,
	whois 43, tacacs 49, domain 53, bootps 67, bootpc 68, tftp 69, gopher 70, finger 79, http 80, kerberos 88, iso-tsap 102, acr-nema 104, pop3 110,
	sunrpc 111, auth 113, nntp 119, ntp 123, epmap 135, netbios-ns 137, netbios-dgm 138, netbios-ssn 139, imap 143, imap2 143, snmp 161, snmp-trap 162,
	xdmcp 177, bgp 179, smux 199, http-mgmt 280, ldap 389, https 443, microsoft-ds 445, kpasswd 464, submissions 465, saft 487, isakmp 500, biff 512,
	exec 512, login 513, who 513, shell 514, syslog 514, printer 515, talk 517, ntalk 518, route 520, rtsp 554, nntps 563, submission 587, asf-rmcp 623,
	qmqp 628, ipp 631, ldaps 636, domain-s 853, rsync 873, ftps-data 989, ftps 990, telnets 992, imaps 993, pop3s 995, socks 1080, rmiregistry 1099,
	openvpn 1194, ms-sql 1433, ms-sql-s 1433, ms-sql-m 1434, l2f 1701, radius 1812, radius-acct 1813, mqtt 1883, cisco-sccp 2000, nfs 2049,
	cvspserver 2401, dict 2628, hbci 3000, ndl-aas 3128, squid 3128, iscsi-target 3260, mysql 3306, ms-wbt-server 3389, nut 3493, daap 3689, svn 3690,
	suucp 4031, sieve 4190, iax 4569, commplex-main 5000, commplex-link 5001, sip 5060, sip-tls 5061, xmpp-client 5222, xmpps-client 5223,
	xmpp-server 5269, postgresql 5432, personal-agent 5555, amqps 5671, amqp 5672, x11 6000, gnutella-svc 6346, redis 6379, ircd 6667, ircs 6697,
	ircs-u 6697, afs3-fileserver 7000, afs3-callback 7001, font-service 7100, cbt 7777, irdmi 8000, vcom-tunnel 8001, teradataordbms 8002, http-alt 8080,
	webcache 8080, sunproxyadmin 8081, us-cli 8082, puppet 8140, pcsync-https 8443, secure-mqtt 8883, ddi-tcp-1 8888, cslistener 9000, etlservicemgr 9001,
	wap-wsp 9200, vrace 9300, git 9418, webmin 10000, zabbix-agent 10050, zabbix-trapper 10051, ezmeeting-2 10101, memcache 11211, mongodb 27017
`

var ports = sync.OnceValue(func() map[string]int {
	all := make(map[string]int)
	for row := range strings.SplitSeq(wellKnown, ",") {
		name, port, _ := strings.Cut(strings.TrimSpace(row), " ")
		all[name], _ = strconv.Atoi(port)
	}
	return all
})

// portOf returns the port of a name; 0 where it is not known.
func portOf(name string) int { return ports()[name] }

// disputed are names that mean other ports elsewhere than wellKnown says.
var disputed = map[string]string{"http-alt": "8008 in the services of Red Hat"}
