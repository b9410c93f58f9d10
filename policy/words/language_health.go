package words

import (
	"fmt"

	"github.com/snatctl/snatctl/policy"
)

// The defaults that the keys of health quote: those of a type that uses most of them.
var (
	httpCheck = policy.DefaultHealthCheck(policy.CheckHTTP)
	dnsCheck  = policy.DefaultHealthCheck(policy.CheckDNS)
)

// healthCheckKeys are the keys of a health check, in the section and in line.
var healthCheckKeys = []Keyword{
	{Path: "health_checks.NAME", Kind: aMapping,
		Meaning: "One health check. A service may also have one in line, which has the same keys.",
		Example: "{type: tcp}", Errors: []string{"N01", "N03", "A02"}},
	{Path: "health_checks.NAME.type", Kind: aWord, Words: list(policy.CheckTypes()...), Required: true,
		Meaning: "What a check does. `tcp` connects. `http` and `https` ask for a page. `dns` asks for a record. `udp` sends a packet; silence is up unless `expect` is there, an ICMP error is down. `icmp` pings. `smtp` waits for the greeting and greets. `exec` runs a program, whose exit status 0 is up; the agent refuses it unless it runs with `--allow-exec`.",
		Example: "http", Errors: []string{"N03", "A02"}},
	{Path: "health_checks.NAME.port", Kind: aPort, Absent: "the port of the real server, otherwise the first that clients call, of the check's own protocol if the service has it",
		Meaning: "The port that is asked. Not for icmp.",
		Example: "8080", Errors: []string{"N03", "A02", "A12", "P08"}},
	{Path: "health_checks.NAME.interval", Kind: aDuration, Default: "2s",
		Meaning: "The time from the beginning of one check to that of the next. A check never overlaps itself: one that takes longer delays the next.",
		Example: "5s", Errors: []string{"N03"}},
	{Path: "health_checks.NAME.timeout", Kind: aDuration, Absent: "`1s`, or the interval if that is shorter",
		Meaning: "How long one check may take, with all that belongs to it. Then it has failed.",
		Example: "500ms", Errors: []string{"N03"}},
	{Path: "health_checks.NAME.rise", Kind: aNumber, Min: 1, Max: 1000, Default: fmt.Sprint(httpCheck.Rise),
		Meaning: "How many checks in a row must succeed before a server that was down counts as up.",
		Example: "1", Errors: []string{"N03"}},
	{Path: "health_checks.NAME.fall", Kind: aNumber, Min: 1, Max: 1000, Default: fmt.Sprint(httpCheck.Fall),
		Meaning: "How many checks in a row must fail before a server counts as down. A dead server gets connections for up to fall × interval + timeout.",
		Example: "2", Errors: []string{"N03"}},
	{Path: "health_checks.NAME.send", Kind: aPhrase, Absent: "nothing; udp sends an empty packet",
		Meaning: "What a tcp or udp check sends. Line ends are written as `\"\\r\\n\"`, in double quotes.",
		Example: `"PING\r\n"`, Errors: []string{"N03", "A02"}},
	{Path: "health_checks.NAME.expect", Kind: aPhrase, Absent: "any answer or none",
		Meaning: "The text that the answer to a tcp or udp check must contain.",
		Example: "PONG", Errors: []string{"N03", "A02"}},
	{Path: "health_checks.NAME.method", Kind: aWord, Words: []string{"GET", "HEAD", "OPTIONS", "POST"}, Default: httpCheck.Method,
		Meaning: "The method of an http or https check.",
		Example: "HEAD", Errors: []string{"N03", "A02"}},
	{Path: "health_checks.NAME.path", Kind: aPage, Default: httpCheck.Path,
		Meaning: "The page that an http or https check asks for, from its `/`, with its query.",
		Example: "/healthz", Errors: []string{"N03", "A02"}},
	{Path: "health_checks.NAME.host", Kind: aHostName, Absent: "the address: that of the real server, in an EHLO that of the gateway",
		Meaning: "The Host header of an http or https check, or the name that an smtp check gives in its EHLO. The name is never looked up: a check goes to the address of the real server.",
		Example: "www.example.com", Errors: []string{"N03", "A02"}},
	{Path: "health_checks.NAME.status", Kind: aStatus, List: true, Default: httpCheck.Status[0].String(),
		Meaning: "The HTTP status codes that are up. Redirects are not followed.",
		Example: "[200, 204, 301-302]", Errors: []string{"N03", "A02"}},
	{Path: "health_checks.NAME.body", Kind: aPhrase, Absent: "any",
		Meaning: "The text that the body of the HTTP answer must contain.",
		Example: `"ok"`, Errors: []string{"N03", "A02"}},
	{Path: "health_checks.NAME.sni", Kind: aHostName, Absent: "`host`, and none without it",
		Meaning: "The server name that an https check asks for, and that the certificate must be valid for with `verify`.",
		Example: "www.example.com", Errors: []string{"N03", "A02"}},
	{Path: "health_checks.NAME.verify", Kind: aBoolean, Absent: "`true` with `ca`, otherwise `false`",
		Meaning: "Whether the certificate must be valid. If it is not, also because it has expired, the server is down.",
		Example: "true", Errors: []string{"N03", "A02"}},
	{Path: "health_checks.NAME.ca", Kind: aFile, Absent: "the authorities that the host trusts",
		Meaning: "A file with the certificates (PEM) of the authorities that may sign, by its whole path. The agent reads it.",
		Example: "/etc/snatctl/ca.pem", Errors: []string{"N03", "A02"}},
	{Path: "health_checks.NAME.query", Kind: aHostName, Absent: "none; a dns check needs it",
		Meaning: "The name that a dns check asks for.",
		Example: "www.example.com", Errors: []string{"N03", "A02"}},
	{Path: "health_checks.NAME.record", Kind: aWord, Words: []string{"A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"}, Default: dnsCheck.Record,
		Meaning: "The type of the record that a dns check asks for.",
		Example: "AAAA", Errors: []string{"N03", "A02"}},
	{Path: "health_checks.NAME.answer", Kind: aPhrase, Absent: "any, also none",
		Meaning: "What one of the records in the answer must be, as text: an address, a name.",
		Example: "192.0.2.1", Errors: []string{"N03", "A02"}},
	{Path: "health_checks.NAME.rcode", Kind: aWord, Words: []string{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"}, Default: dnsCheck.Rcode,
		Meaning: "The response code that the answer to a dns check must have.",
		Example: "NXDOMAIN", Errors: []string{"N03", "A02"}},
	{Path: "health_checks.NAME.command", Kind: aText, List: true, Absent: "none; an exec check needs it",
		Meaning: "The program that an exec check runs, by its whole path, and its arguments. No shell takes part. Its environment says which server it is about.",
		Example: "[/usr/local/bin/check-db, --quick]", Errors: []string{"N03", "A02"}},
}

// serviceHealthKeys are the keys of a service that only the agent acts upon.
var serviceHealthKeys = []Keyword{
	{Path: "services[].health_check", Kind: aCheckName, Words: []string{policy.NoCheck}, Or: aMapping, Absent: "`none`",
		Meaning: "How the agent learns which real servers are up: the name of a check in `health_checks`, or one in line, with the same keys. With `none` they are never checked, and count as up. Without an agent all real servers count as up. Real servers that are down get no new connections.",
		Example: "web", Errors: []string{"N03", "N01", "A01", "A02", "A12"}},
	{Path: "services[].quorum", Kind: aQuorum, Min: 1, Max: 65535, Default: service.Quorum.String(),
		Meaning: "How many real servers must be up, of those whose weight is not 0. A percentage is rounded up. With fewer the service takes no new connections, unless it has `sorry_servers`.",
		Example: "50%", Errors: []string{"N03"}},
	{Path: "services[].hysteresis", Kind: aNumber, Min: 0, Max: 65535, Default: "0",
		Meaning: "How many more than the quorum must be up before the service comes back, once it had too few. All real servers are always enough.",
		Example: "1", Errors: []string{"N03"}},
	{Path: "services[].sorry_servers", Kind: aRealServer, List: true, Empty: true, Absent: "none: see `on_empty`",
		Meaning: "The servers that take new connections while fewer real servers are up than the quorum. They are written as `real_servers`, and are never checked. Flows that they have stay with them.",
		Example: `"192.168.1.9:80"`, Errors: []string{"N02", "N03", "P01", "P04", "P08", "S06", "S07", "S08", "S09", "S16", "S17"}},
	{Path: "services[].slow_start", Kind: aDuration, Absent: "none: the full share at once",
		Meaning: "In this time the weight of a real server that comes back grows from a small part to its full share.",
		Example: "30s", Errors: []string{"N03"}},
	{Path: "services[].panic", Kind: aPercent, Absent: "never",
		Meaning: "If a smaller share of the checked real servers is up, all of them get connections again: it is more likely then that the check is wrong than that all are dead. This comes before the quorum.",
		Example: "30%", Errors: []string{"N03"}},
	{Path: "services[].on_down", Kind: aWord, Words: list(policy.DownAuto, policy.DownEnd, policy.DownKeep), Default: string(service.OnDown),
		Meaning: "What happens to the flows of a real server that goes down: `auto` ends UDP flows and TCP flows that never got an answer, and keeps established TCP connections; `end` ends all, so that clients notice and call again; `keep` ends none.",
		Example: "end", Errors: []string{"N03"}},
}
