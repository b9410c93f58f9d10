package words

// zoneHelperKeys is what concerns helpers of zones.
var zoneHelperKeys = []Keyword{
	{Path: "zones[].helpers", Kind: aHelper, List: true, Absent: "the kernel reads nothing of the zone's connections",
		Meaning: "Protocols that speak of further connections: the kernel reads the zone's connections to these ports (ftp tcp/21, tftp udp/69, sip udp/5060 and tcp/5060, pptp tcp/1723, h323 tcp/1720 and udp/1719, or the ports written), changes the addresses in them, and lets those further connections through, translated in the same way. They belong to the zone, and are ended with it. What is excluded is not read.",
		Example: "[ftp, sip]", Errors: []string{"X10", "N03", "P08", "X11", "X12", "X13", "X14"}},
}

// serviceHelperKeys is what concerns helpers of services.
var serviceHelperKeys = []Keyword{
	{Path: "services[].helpers", Kind: aHelper, List: true, Absent: "the kernel reads nothing of the service's connections",
		Meaning: "Protocols that speak of further connections, as in zones, by the port that clients call. If the service does not have the helper's own port, it is for all ports that the service has of the protocol. The further connections go to the same real server, and belong to the service.",
		Example: "ftp", Errors: []string{"X10", "N03", "P08", "X11", "X12", "X14"}},
}
