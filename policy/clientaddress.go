package policy

import (
	"slices"

	"github.com/snatctl/snatctl/inet"
)

// ClientAddress says how the real servers of a FULLNAT service learn who called. The zero value: not at
// all, they see a laddr.
type ClientAddress string

// ClientTOA puts the client's address and port into a TCP option, as the TOA modules of LVS read it.
const ClientTOA ClientAddress = "toa"

// TellsClients tells whether the service's real servers learn the client's address.
func (s *Service) TellsClients() bool { return s.ClientAddress == ClientTOA }

// checkClientAddress reports client addresses that nobody could be told.
func (c *checker) checkClientAddress(s *Service) {
	about := Object{"service", s.Name}
	switch {
	case !s.TellsClients():
	case s.Mode == NAT:
		c.Fault(s.At("client_address"), "B01", about, "remove client_address, or write mode: fullnat", "in mode nat real servers see the client itself")
	case s.Mark != 0:
		c.Fault(s.At("client_address"), "B03", about, "remove client_address, or give the service a vip and ports", "a mark tells which connections are the service's, and it is gone when they leave toward real servers")
	case !slices.ContainsFunc(s.Ports, func(p inet.ProtoPorts) bool { return p.Proto == inet.TCP }):
		c.Fault(s.At("client_address"), "B02", about, "remove client_address", "the client's address travels in an option of TCP, and the service has no TCP port")
	}
}
