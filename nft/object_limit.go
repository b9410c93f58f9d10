package nft

import (
	"fmt"
	"strconv"
)

// Limit is a token bucket: it matches packets while they come no faster than its rate, or
// with Over those that come faster (net/netfilter/nft_limit.c). The kernel refuses what it cannot
// count: nanoseconds of the unit times rate and burst must fit 64 bits.
type Limit struct {
	Name    string
	Comment string
	Rate    uint64   // packets or bytes a unit; the kernel refuses 0
	Unit    RateUnit // of time
	Burst   uint32   // how many packets or bytes may come at once beyond the rate; 0 packets are 5
	Bytes   bool     // it counts bytes; else packets
	Over    bool     // it matches what exceeds the rate
}

// RateUnit is a unit of time in seconds.
type RateUnit uint64

// The units of time that nft can write.
const (
	PerSecond RateUnit = 1
	PerMinute RateUnit = 60
	PerHour   RateUnit = 60 * 60
	PerDay    RateUnit = 24 * 60 * 60
	PerWeek   RateUnit = 7 * 24 * 60 * 60
)

var rateUnits = map[RateUnit]string{PerSecond: "second", PerMinute: "minute", PerHour: "hour", PerDay: "day", PerWeek: "week"}

// Known tells whether nft can write the unit.
func (u RateUnit) Known() bool { return rateUnits[u] != "" }

// String returns the unit as nft writes it.
func (u RateUnit) String() string {
	if name, ok := rateUnits[u]; ok {
		return name
	}
	return strconv.FormatUint(uint64(u), 10) + " seconds"
}

// DefaultBurst is the burst that the kernel gives to limits of packets that name none
// (nft_limit.c, NFT_LIMIT_PKT_BURST_DEFAULT).
const DefaultBurst = 5

var limitWords = objectWords{block: "limit", use: "limit name", maps: true}

// Ref returns kind and name.
func (o Limit) Ref() Ref { return Ref{KindLimit, o.Name} }

// Remark returns the comment.
func (o Limit) Remark() string { return o.Comment }

func (o Limit) settings() []string {
	o = o.Bare().(Limit)
	text := "rate "
	if o.Over {
		text += "over "
	}
	unit := "packets"
	if o.Bytes {
		unit = "bytes"
		text += fmt.Sprintf("%d bytes/%s", o.Rate, o.Unit)
	} else {
		text += fmt.Sprintf("%d/%s", o.Rate, o.Unit)
	}
	if o.Burst > 0 {
		text += fmt.Sprintf(" burst %d %s", o.Burst, unit)
	}
	return []string{text}
}

// Bare returns what is compared.
func (o Limit) Bare() Object {
	if o.Burst == 0 && !o.Bytes {
		o.Burst = DefaultBurst
	}
	return o
}
