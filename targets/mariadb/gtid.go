package mariadb

import (
	"fmt"
	"strconv"
	"strings"
)

// position is how far a server is in every GTID domain: domain → sequence
// number. Every leader writes in the domain of its own number, and numbers its
// transactions there without a gap.
type position map[int]uint64

// parsePosition reads "1-1-17,3-3-4": domain, server and sequence number of the
// last transaction in each domain. Where a domain occurs twice, written to by
// two servers, the greater number counts.
func parsePosition(s string) (position, error) {
	p := position{}
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		fields := strings.Split(part, "-")
		if len(fields) != 3 {
			return nil, fmt.Errorf("GTID position %q: %q is not domain-server-sequence", s, part)
		}
		domain, err := strconv.ParseUint(fields[0], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("GTID position %q: domain %q: %w", s, fields[0], err)
		}
		seq, err := strconv.ParseUint(fields[2], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("GTID position %q: sequence number %q: %w", s, fields[2], err)
		}
		p[int(domain)] = max(p[int(domain)], seq)
	}
	return p, nil
}

// behind is how many transactions of a domain p lacks to have all of origin's.
func (p position) behind(origin position, domain int) uint64 {
	if have, want := p[domain], origin[domain]; have < want {
		return want - have
	}
	return 0
}
