package layout

import (
	"strconv"
	"strings"
)

// Owner is what the comment of an element says: the zone or service that it belongs to, and
// behind a colon the named pool that its laddrs come from, or what no key holds. Slots have
// no comment, since there are too many.
type Owner struct {
	Name string
	More string // a pool's name, a Weight, or words about conditions
}

// String returns the comment.
func (o Owner) String() string {
	if o.More == "" {
		return o.Name
	}
	return o.Name + ": " + o.More
}

// SplitOwner takes a comment apart.
func SplitOwner(comment string) (name, more string) {
	name, more, _ = strings.Cut(comment, ": ")
	return name, more
}

// Weight is what the comment of a listed real server says that its key does not.
type Weight struct {
	Weight int
	Port   uint16 // the real server's own; 0: what the client called
	Down   bool   // it gets no new connections, whatever its weight
}

// down ends the comment of a real server that is.
const down = " down"

// String returns it as comments have it: "weight 3 port 8080 down".
func (w Weight) String() string {
	text := "weight " + strconv.Itoa(w.Weight)
	if w.Port != 0 {
		text += " port " + strconv.Itoa(int(w.Port))
	}
	if w.Down {
		text += down
	}
	return text
}

// ParseWeight reads what String writes; false for something else.
func ParseWeight(text string) (Weight, bool) {
	text, isDown := strings.CutSuffix(text, down)
	words := strings.Fields(text)
	if len(words) < 2 || words[0] != "weight" {
		return Weight{}, false
	}
	weight, err := strconv.Atoi(words[1])
	if err != nil || weight < 0 {
		return Weight{}, false
	}
	if len(words) == 4 && words[2] == "port" {
		port, err := strconv.ParseUint(words[3], 10, 16)
		return Weight{weight, uint16(port), isDown}, err == nil
	}
	return Weight{Weight: weight, Down: isDown}, len(words) == 2
}

// PoolPorts starts the comment of a pool's first slot where the pool binds ports. Rules bind
// them, but a table that was read back is told by its elements.
const PoolPorts = "ports "

// Words in the comment of a zone with conditions, for those on interfaces. Names that it asks for
// are in sets (OIf, IIf), patterns only in rules.
const (
	Interfaces  = "interfaces" // it asks for some
	IIfPattern  = "iif"        // it asks for patterns on the way in
	OIfPattern  = "oif:"       // and such a pattern on the way out: "oif:ppp*"
	OIfPatterns = "oif:?"      // the same, where the comment has no room for them
)

// MostComment is how long, in bytes, nft lets the comment of an element be
// (NFTNL_UDATA_COMMENT_MAXLEN).
const MostComment = 128
