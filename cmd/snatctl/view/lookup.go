package view

import (
	"fmt"
	"io"
	"net/netip"

	"github.com/snatctl/snatctl/policy"
)

// Subscriber prints "10.64.0.2 has 198.51.100.64:3072-4095, by zone homes".
func Subscriber(w io.Writer, s policy.Subscriber) error {
	_, err := fmt.Fprintf(w, "%s has %s, by zone %s\n", s.Source, s.Block(), s.Zone)
	return err
}

// flowRecord is a connection as JSON, of which a block alone tells little: the rest is null.
type flowRecord struct {
	Proto         *string `json:"proto"`
	Src           string  `json:"src"`
	Dst           *string `json:"dst"`
	TranslatedSrc string  `json:"translated_src"`
	TranslatedDst *string `json:"translated_dst"`
	State         *string `json:"state"`
	Service       *string `json:"service"`
	Zone          string  `json:"zone"`
	RealServer    *string `json:"real_server"`
	Laddr         string  `json:"laddr"`
	BytesIn       *uint64 `json:"bytes_in"`
	BytesOut      *uint64 `json:"bytes_out"`
	PacketsIn     *uint64 `json:"packets_in"`
	PacketsOut    *uint64 `json:"packets_out"`
	Timeout       *uint64 `json:"timeout_s"`
}

// SubscriberJSON prints who has a laddr and port as a list of flows, which is empty if nobody has
// it.
func SubscriberJSON(w io.Writer, s policy.Subscriber, at netip.AddrPort) error {
	records := []flowRecord{}
	if s.Source.IsValid() {
		records = append(records, flowRecord{Src: s.Source.String(), TranslatedSrc: at.String(), Zone: s.Zone, Laddr: s.Laddr.String()})
	}
	return JSON(w, records)
}
