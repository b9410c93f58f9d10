package ipvsadm

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/snatctl/snatctl/translate"
)

// harmless are programs that change neither rules nor addresses.
var harmless = []string{"echo", "printf", "exit", "set", "modprobe", "sleep", "true", ":", "cat", "lsmod", "return", "shift", "cd", "unset", "date", "which", "logger", "touch", "ipvsadm-save", "sysctl", "dmesg", "source", ".",
	"yum", "dnf", "rpm", "apt", "apt-get", "dpkg", "clear", "ls", "mkdir"}

// outside are programs whose work is no part of a policy, with what is to be said of it.
var outside = map[string]string{
	"ip": addresses, "ifconfig": addresses, "route": addresses, "dpip": addresses, "arping": addresses, "ifup": addresses, "ifdown": addresses, "nmcli": addresses,
	"iptables": firewall, "ip6tables": firewall, "nft": firewall, "ipset": firewall, "firewall-cmd": firewall,
}

const (
	addresses = "it is left out: addresses and routes stay with the system; gateway.addresses can put VIPs and laddrs on the gateway"
	firewall  = "it is left out: a firewall's own rules are not translated; see that they let through what the policy translates"
)

// callExpr carries out a call, or assignments.
func (x *shell) callExpr(st *syntax.Stmt, c *syntax.CallExpr) {
	if len(c.Args) == 0 {
		if x.assign(c.Assigns) {
			x.whole(st.Pos(), st.End())
		} else {
			x.leave(st, "M101", "")
		}
		return
	}
	if a := c.Assigns; len(a) == 1 && a[0].Name != nil && strings.HasPrefix(a[0].Name.Value, "ExecStop") {
		x.leave(st, "M103", "it is left out: it is for the end of the unit")
		return
	}
	args, ok := x.args(c.Args)
	if !ok {
		x.leave(st, "M101", "it is left out: the script does not say what its variables and commands stand for")
		return
	}
	args = program(args)
	if len(args) == 0 {
		x.leave(st, "M102", "")
		return
	}
	switch name := path.Base(args[0].text); {
	case name == "ipvsadm" || name == "ipvsadm-restore":
		x.ipvsadm(st, name, args)
	case strings.HasPrefix(args[0].text, "-") && len(args) > 1 && x.unit(c.Assigns):
		x.call(&call{line: int(st.Pos().Line()), args: args})
	case snatAdd(args) != nil:
		x.call(&call{line: int(st.Pos().Line()), args: snatAdd(args)})
	case x.funcs[args[0].text] != nil && len(args) == 1 && x.depth < deepest:
		x.function(st, x.funcs[args[0].text])
	case name == "modprobe" && slices.ContainsFunc(args, func(a arg) bool { return a.text == "ip_vs_ftp" }):
		x.leave(st, "M102", "it is left out: services on tcp/21 get `helpers: ftp`; write it at FTP services on other ports")
	case slices.Contains(harmless, name), section.MatchString(args[0].text):
		x.leave(st, "M102", "")
	default:
		x.leave(st, "M101", outside[name])
	}
}

// section is what begins a part of a unit of systemd.
var section = regexp.MustCompile(`^\[(Unit|Service|Install)\]$`)

// unit tells whether what stands before options is ipvsadm, in a line of a unit of systemd such as
// ExecStart=-/sbin/ipvsadm; or nothing, where the line has no program.
func (x *shell) unit(list []*syntax.Assign) bool {
	if len(list) == 0 {
		return true
	}
	a := list[len(list)-1]
	if a.Value == nil || path.Base(strings.TrimLeft(a.Value.Lit(), "-@:+!")) != "ipvsadm" {
		return false
	}
	x.whole(a.Pos(), a.End())
	return true
}

// function carries out the body of a function.
func (x *shell) function(st *syntax.Stmt, f *syntax.FuncDecl) {
	x.whole(st.Pos(), st.End())
	x.whole(f.Pos(), f.Body.Pos())
	if x.called == nil {
		x.called = make(map[string]bool)
	}
	x.called[f.Name.Value] = true
	x.depth++
	x.stmt(f.Body)
	x.depth--
}

// program drops what stands before a program: sudo, env and the like.
func program(args []arg) []arg {
	for len(args) > 0 {
		switch args[0].text {
		case "sudo", "env", "command", "exec", "nohup", "time":
			args = args[1:]
			for len(args) > 0 && strings.HasPrefix(args[0].text, "-") {
				args = args[1:]
			}
		case "ip": // ip netns exec NAME PROGRAM
			if len(args) < 5 || args[1].text != "netns" || args[2].text != "exec" {
				return args
			}
			args = args[4:]
		default:
			return args
		}
	}
	return args
}

// ipvsadm adds a call of ipvsadm, and the rules that it gets to read.
func (x *shell) ipvsadm(st *syntax.Stmt, name string, args []arg) {
	c := &call{line: int(st.Pos().Line()), args: args[1:]}
	restores := name == "ipvsadm-restore" || slices.ContainsFunc(c.args, func(a arg) bool { return a.text == "-R" || a.text == "--restore" })
	first := int(st.End().Offset())
	if len(c.args) > 0 && len(c.args[0].words) > 0 {
		first = x.offset(c.args[0].words[0])
	}
	x.ledger.Whole(x.words(int(st.Pos().Offset()), first)...)
	for _, r := range st.Redirs {
		switch {
		case r.Hdoc != nil && restores:
			x.heredoc(r)
			c = nil
		case r.Op == syntax.RdrIn && restores:
			c = nil
			x.leave(st, "M104", "")
		default:
			x.whole(r.Pos(), r.End())
		}
	}
	switch {
	case c == nil && restores:
		for _, a := range args {
			x.ledger.Whole(a.words...)
		}
	case restores:
		x.leave(st, "M104", "")
	default:
		x.call(c)
	}
}

// offset returns where a word stands in the text.
func (x *shell) offset(w translate.Word) int {
	i, _ := slices.BinarySearchFunc(x.tokens, w, func(t token, w translate.Word) int { return int(t.word) - int(w) })
	return x.tokens[i].from
}
