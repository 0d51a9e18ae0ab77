package agent

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"

	"github.com/mlcheck/mlcheck/internal/impair"
)

// nft is the kernel's packet filter through netlink. Everything is in one table
// of its own: the engine's rules (its DNS lives in the same namespace) and a
// target's are never touched. Each change is one batch, and so takes effect as
// a whole.
//
// The connection is kept: closing one waits until the kernel has freed what the
// batch replaced, 5 to 20 ms, in which the change is long in force.
type nft struct {
	table   *nftables.Table
	in, out *nftables.Chain
	conn    *nftables.Conn // nil until the first batch, and after a failure
}

func newPackets() packets {
	t := &nftables.Table{Name: "mlcheck", Family: nftables.TableFamilyIPv4}
	chain := func(name string, hook *nftables.ChainHook) *nftables.Chain {
		return &nftables.Chain{
			Name: name, Table: t, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: nftables.ChainPriorityFilter,
		}
	}
	return &nft{table: t, in: chain("in", nftables.ChainHookInput), out: chain("out", nftables.ChainHookOutput)}
}

func (n *nft) replace(rules []rule) error {
	return n.batch(func(c *nftables.Conn) {
		n.declare(c)
		for _, r := range rules {
			c.AddRule(n.rule(r))
		}
	})
}

// declare makes table and chains if they are missing, and empties the chains.
func (n *nft) declare(c *nftables.Conn) {
	c.AddTable(n.table)
	for _, chain := range []*nftables.Chain{n.in, n.out} {
		c.AddChain(chain)
		c.FlushChain(chain)
	}
}

func (n *nft) remove() error {
	return n.batch(func(c *nftables.Conn) {
		c.AddTable(n.table) // so that there is one to delete
		c.DelTable(n.table)
	})
}

func (n *nft) batch(fill func(*nftables.Conn)) error {
	c, err := n.connect()
	if err != nil {
		return err
	}
	fill(c)
	if err := c.Flush(); err != nil {
		n.hangUp()
		return explain(err)
	}
	return nil
}

func (n *nft) connect() (*nftables.Conn, error) {
	if n.conn == nil {
		c, err := nftables.New(nftables.AsLasting())
		if err != nil {
			return nil, explain(err)
		}
		n.conn = c
	}
	return n.conn, nil
}

// hangUp gives up a connection that may hold answers to an earlier question.
func (n *nft) hangUp() {
	if n.conn != nil {
		_ = n.conn.CloseLasting()
		n.conn = nil
	}
}

// explain says what the usual failures mean.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("nftables refuses: %w (the sandbox lacks the capability NET_ADMIN; a rootless or restricted engine may withhold it)", err)
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.ENOENT), errors.Is(err, unix.EAFNOSUPPORT):
		return fmt.Errorf("nftables: %w (this kernel lacks it: the modules nf_tables and nft_counter are needed)", err)
	}
	return fmt.Errorf("nftables: %w", err)
}

// rule is one rule in the kernel's words. Its comment names the cut, so that
// its counter is found again.
func (n *nft) rule(r rule) *nftables.Rule {
	chain, offset := n.in, uint32(12) // of the source address
	if r.out {
		chain, offset = n.out, 16 // of the destination address
	}
	if r.own {
		return &nftables.Rule{Table: n.table, Chain: chain, Exprs: fromItself()}
	}
	ip := r.peer.As4()
	list := []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 4},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: ip[:]},
	}
	if r.queued {
		return &nftables.Rule{Table: n.table, Chain: chain, Exprs: append(list, toQueue()...)}
	}
	proto := byte(unix.IPPROTO_UDP)
	if r.refused {
		proto = unix.IPPROTO_TCP
	}
	if r.probes || r.refused {
		list = append(list, &expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{proto}})
	}
	if r.probes {
		list = append(list,
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(Port)},
		)
	} else {
		list = append(list, &expr.Counter{Packets: uint64(r.counted)})
	}
	if r.refused {
		list = append(list, &expr.Reject{Type: unix.NFT_REJECT_TCP_RST})
	} else {
		list = append(list, &expr.Verdict{Kind: expr.VerdictDrop})
	}
	return &nftables.Rule{Table: n.table, Chain: chain, Exprs: list, UserData: userdata.AppendString(nil, userdata.TypeComment, r.peer.String())}
}

// fromItself lets pass what comes over the loopback. The reset with which an outgoing
// packet is refused comes that way, and bears the address of the peer.
func fromItself() []expr.Any {
	name := append([]byte("lo"), make([]byte, unix.IFNAMSIZ-len("lo"))...)
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: name},
		&expr.Verdict{Kind: expr.VerdictAccept},
	}
}

// toQueue hands packets to the queue of package impair, but for those that have
// been there. Should nobody take them there, they pass. It is the target of
// iptables, which more kernels have than the queue of nftables.
func toQueue() []expr.Any {
	const bypass = 1
	info := binaryutil.NativeEndian.PutUint16(impair.Number)
	info = append(info, binaryutil.NativeEndian.PutUint16(1)...) // one queue
	info = append(info, binaryutil.NativeEndian.PutUint16(bypass)...)
	info = append(info, 0, 0)
	raw := xt.Unknown(info)
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(impair.Mark)},
		&expr.Target{Name: "NFQUEUE", Rev: 3, Info: &raw},
	}
}

func (n *nft) counts() (map[cut]int64, error) {
	c, err := n.connect()
	if err != nil {
		return nil, err
	}
	all := map[cut]int64{}
	for _, chain := range []*nftables.Chain{n.in, n.out} {
		list, err := c.GetRules(n.table, chain)
		if err != nil {
			n.hangUp()
			return nil, explain(err)
		}
		for _, r := range list {
			comment, _ := userdata.GetString(r.UserData, userdata.TypeComment)
			peer, err := netip.ParseAddr(comment)
			for _, e := range r.Exprs {
				if counter, ok := e.(*expr.Counter); ok && err == nil {
					all[cut{chain == n.out, peer}] += int64(counter.Packets)
				}
			}
		}
	}
	return all, nil
}
