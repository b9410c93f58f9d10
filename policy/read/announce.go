package read

import (
	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/policy/words"
)

// announce reads the section of that name.
func (w *walker) announce(n *yaml.Node) {
	w.begin("announce", "")
	a := &w.policy.Announce
	if a.Pos.Line != 0 {
		w.fail(n, "F07", "write all of it in one file", "the section is there twice, first at %s", a.Pos)
		return
	}
	a.Pos = w.pos(n)
	a.Keys = w.fields(n, words.Announce, func(k *words.Keyword, v *yaml.Node) {
		into := &a.BIRD
		if k.Name() == "socket" {
			into = &a.Socket
		}
		w.phrase(v, into)
		w.wholePath(v, *into)
	})
}
