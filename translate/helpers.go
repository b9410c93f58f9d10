package translate

import (
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/format"
)

// ftpPort is where ip_vs_ftp looks for control connections, unless its parameter says otherwise (ip_vs_ftp.c: ports).
const ftpPort = 21

// Follow has the kernel read a service's FTP, as ip_vs_ftp did, and returns the code of what becomes of that; empty where the
// service is for something else. No rule says whether the module was loaded: the port does.
func (s *Service) Follow() (code string) {
	if s.proto() != inet.TCP || s.Ports[0].Ports != (inet.PortRange{First: ftpPort, Last: ftpPort}) {
		return ""
	}
	s.Helpers = []policy.Watched{{Helper: policy.FTP}}
	return "M057"
}

func writeHelpers(helpers []policy.Watched) format.Value {
	texts := make([]string, len(helpers))
	for i, h := range helpers {
		texts[i] = h.String()
	}
	return format.Texts(texts...)
}
