package layout

import (
	"strconv"
	"strings"
)

// Offer is what a SYN proxy offers to clients, as the names of its chains say it: those of one offer
// share a chain. The zero value is none.
type Offer struct {
	MSS       uint16 // bytes
	WScale    uint8
	Timestamp bool
	Sack      bool
}

// String returns the offer as names have it: 1460-7-timestamp-sack.
func (o Offer) String() string {
	if o == (Offer{}) {
		return ""
	}
	text := strconv.Itoa(int(o.MSS)) + "-" + strconv.Itoa(int(o.WScale))
	if o.Timestamp {
		text += "-timestamp"
	}
	if o.Sack {
		text += "-sack"
	}
	return text
}

// parseOffer reads what String writes.
func parseOffer(text string) (o Offer, ok bool) {
	rest, sack := strings.CutSuffix(text, "-sack")
	rest, timestamp := strings.CutSuffix(rest, "-timestamp")
	size, scale, _ := strings.Cut(rest, "-")
	mss, errMSS := strconv.ParseUint(size, 10, 16)
	wscale, errScale := strconv.ParseUint(scale, 10, 8)
	o = Offer{MSS: uint16(mss), WScale: uint8(wscale), Timestamp: timestamp, Sack: sack}
	return o, errMSS == nil && errScale == nil && o.String() == text
}

var wordOffer = word{
	write: func(v *Variant) string { return v.Offer.String() },
	read: func(v *Variant, t string) (ok bool) {
		v.Offer, ok = parseOffer(t)
		return ok
	},
}
