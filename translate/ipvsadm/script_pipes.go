package ipvsadm

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/snatctl/snatctl/translate"
)

// heredoc reads the rules in a here-document.
func (x *shell) heredoc(r *syntax.Redirect) {
	from, to := int(r.Hdoc.Pos().Offset()), int(r.Hdoc.End().Offset())
	x.whole(r.OpPos, r.Word.End())
	end := strings.Trim(x.text[r.Word.Pos().Offset():r.Word.End().Offset()], `"'\`)
	if word := x.terminator(r); word != nil {
		x.ledger.Whole(*word)
	}
	if strings.ContainsAny(x.text[from:to], "$`") {
		x.leave(r.Hdoc, "M101", "it is left out: the rules have variables")
		return
	}
	for _, c := range x.lines(from, to) {
		if c.text() == end || len(c.args) > 0 && strings.HasPrefix(c.args[0].text, "#") {
			x.ledger.Whole(c.words()...)
			continue
		}
		x.call(c)
	}
}

// piped carries out `cat <<EOF | ipvsadm -R` and `echo "-A …" | ipvsadm -R`, and tells whether a
// pipe is one.
func (x *shell) piped(c *syntax.BinaryCmd) bool {
	from, ok := c.X.Cmd.(*syntax.CallExpr)
	to, ok2 := c.Y.Cmd.(*syntax.CallExpr)
	if !ok || !ok2 || c.Op != syntax.Pipe {
		return false
	}
	reader, ok := x.args(to.Args)
	if reader = program(reader); !ok || len(reader) == 0 {
		return false
	}
	name := path.Base(reader[0].text)
	if name != "ipvsadm-restore" && !(name == "ipvsadm" && len(reader) > 1 && (reader[1].text == "-R" || reader[1].text == "--restore")) {
		return false
	}
	writer, ok := x.args(from.Args)
	if !ok || len(writer) == 0 {
		return false
	}
	switch {
	case writer[0].text == "cat" && len(writer) == 1 && len(c.X.Redirs) == 1 && c.X.Redirs[0].Hdoc != nil:
		x.heredoc(c.X.Redirs[0])
	case writer[0].text == "echo" && len(writer) == 2:
		first := int(from.Args[1].Pos().Line())
		for i, text := range strings.Split(writer[1].text, "\n") {
			one := &call{line: first + i}
			words := slices.DeleteFunc(slices.Clone(writer[1].words), func(w translate.Word) bool { return x.ledger.Place(w).Line != one.line })
			for _, f := range strings.Fields(text) {
				one.args = append(one.args, arg{f, words})
			}
			if len(one.args) > 0 {
				x.call(one)
			}
			x.ledger.Whole(words...)
		}
	default:
		return false
	}
	x.whole(c.X.Pos(), c.Y.End())
	return true
}

// snatAdd makes a rule of `snat add from A to B out_dev DEV source C - D algo NAME`, as lvs-snat's
// branch for DPDK writes them; nil where it is none.
func snatAdd(args []arg) []arg {
	if len(args) < 2 || args[0].text != "snat" || args[1].text != "add" {
		return nil
	}
	flags := map[string]string{"from": "-F", "to": "-T", "out_dev": "--oif", "gw": "-W", "source": "-U", "algo": "-O"}
	algos := map[string]string{"s": "sh", "sd": "sdh", "sdfn": "random"}
	out := []arg{{"-K", append(slices.Clone(args[0].words), args[1].words...)}, {text: "-f"}, {text: "1"}}
	for i := 2; i+1 < len(args); i += 2 {
		flag := flags[args[i].text]
		if flag == "" {
			return nil
		}
		key, val := args[i], args[i+1]
		if flag == "-U" && i+3 < len(args) && args[i+2].text == "-" {
			val = arg{val.text + "-" + args[i+3].text, slices.Concat(val.words, args[i+2].words, args[i+3].words)}
			i += 2
		}
		if algo := algos[val.text]; flag == "-O" && algo != "" {
			val.text = algo
		}
		out = append(out, arg{flag, key.words}, val)
	}
	return out
}
