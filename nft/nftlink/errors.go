package nftlink

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft/wire"
)

// RefusedError is the kernel's refusal of one object of a transaction. Nothing was changed.
type RefusedError = wire.RefusedError

// ErrStale says that the ruleset of the namespace changed since it was read: read again, diff
// again.
var ErrStale = errors.New("the ruleset changed since it was read")

// ErrNoNFTables says that the kernel does not have what every ruleset of snatctl needs.
var ErrNoNFTables = errors.New("this kernel has no nftables: it needs Linux 5.10 or newer with module nf_tables (CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET)")

// ErrNoPermission says that the process may not change the ruleset.
var ErrNoPermission = errors.New("not permitted: nftables needs CAP_NET_ADMIN in this network namespace (run as root)")

// explainErrno says of an error of the socket what it means for nftables.
func explainErrno(err error) error {
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w (%w)", ErrNoPermission, os.ErrPermission)
	}
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		return fmt.Errorf("%w (%w)", ErrNoNFTables, err)
	}
	return err
}

// explain turns an error answer to a transaction into one that names the object at fault.
func explain(t *wire.Batch, m nfnl.Message, e unix.Errno) error {
	switch e {
	case unix.ERESTART:
		return ErrStale
	case unix.EPERM:
		return fmt.Errorf("%w (%w)", ErrNoPermission, os.ErrPermission)
	}
	return t.Refusal(m, e)
}
