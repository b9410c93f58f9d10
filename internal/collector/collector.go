// Package collector reads IPFIX messages for tests by a decoder that is not ours: that of the
// collector GoFlow2.
package collector

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/netsampler/goflow2/v2/decoders/netflow"
)

// Collector knows the templates that it has read.
type Collector struct {
	templates netflow.NetFlowTemplateSystem
	Records   []Record
	Sequence  []uint32 // of each message
	Domain    uint32   // of the last message
}

// Record has values by the names of their elements: addresses as text, numbers in decimal. Of
// enterprises' elements the number of the enterprise stands before: "29305/octetDeltaCount".
type Record map[string]string

// New returns a collector that has read nothing.
func New() *Collector { return &Collector{templates: netflow.CreateTemplateSystem()} }

// Read reads one message. What it cannot decode, as for lack of a template, is an error.
func (c *Collector) Read(message []byte) error {
	if len(message) < 16 || int(binary.BigEndian.Uint16(message[2:])) != len(message) {
		return fmt.Errorf("a message of %d bytes says another length: % x", len(message), message[:min(16, len(message))])
	}
	var p netflow.IPFIXPacket
	if err := netflow.DecodeMessageVersion(bytes.NewBuffer(message), c.templates, nil, &p); err != nil {
		return err
	}
	c.Sequence, c.Domain = append(c.Sequence, p.SequenceNumber), p.ObservationDomainId
	for _, set := range p.FlowSets {
		switch set := set.(type) {
		case netflow.DataFlowSet:
			for _, r := range set.Records {
				c.Records = append(c.Records, record(r.Values))
			}
		case netflow.OptionsDataFlowSet:
			for _, r := range set.Records {
				c.Records = append(c.Records, record(slices.Concat(r.ScopesValues, r.OptionsValues)))
			}
		case netflow.RawFlowSet:
			return fmt.Errorf("a set %d without a template", set.Id)
		}
	}
	return nil
}

// ReadStream reads messages one after another, as they come over TCP, until the stream ends. It
// calls lock and unlock around what it does with each.
func (c *Collector) ReadStream(r io.Reader, lock, unlock func()) error {
	for {
		header := make([]byte, 16)
		if _, err := io.ReadFull(r, header); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		rest := make([]byte, max(0, int(binary.BigEndian.Uint16(header[2:]))-len(header)))
		if _, err := io.ReadFull(r, rest); err != nil {
			return err
		}
		lock()
		err := c.Read(append(header, rest...))
		unlock()
		if err != nil {
			return err
		}
	}
}

func record(values []netflow.DataField) Record {
	r := Record{}
	for _, v := range values {
		name, raw := nameOf(v.Type), v.Value.([]byte)
		if v.PenProvided {
			name = fmt.Sprintf("%d/%s", v.Pen, name)
		}
		r[name] = value(name, raw)
	}
	return r
}

// names are those that were asked for: GoFlow2 makes a table of all for each.
var names sync.Map

func nameOf(element uint16) string {
	if name, ok := names.Load(element); ok {
		return name.(string)
	}
	name := netflow.IPFIXTypeToString(element)
	names.Store(element, name)
	return name
}

func value(name string, raw []byte) string {
	switch {
	case strings.HasSuffix(name, "Address"):
		a, _ := netip.AddrFromSlice(raw)
		return a.String()
	case strings.HasSuffix(name, "Name"):
		return string(raw)
	case len(raw) > 8:
		return fmt.Sprintf("%x", raw)
	}
	var n uint64
	for _, b := range raw {
		n = n<<8 | uint64(b)
	}
	return fmt.Sprint(n)
}
