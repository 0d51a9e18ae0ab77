package reference

import (
	"fmt"

	"github.com/mlcheck/mlcheck/targets"
)

// When an update is on disk: before anybody can see it, before its client is told
// that it was done, or some time.
const (
	visible      = "visible"
	acknowledged = "acknowledged"
	never        = "never"
)

const durabilityHelp = "what an update waits for. visible: it is on disk before anybody can see it. " +
	"acknowledged: before its client is told, while others may have read it and may have received it. " +
	"never: neither; the log is synced every 200 ms, and a loss of power takes what was written since"

// forgets says whether a loss of power can take what others have seen.
func (c *config) forgets() bool { return c.durability == acknowledged || c.durability == never }

// delays says whether the log is on disk some time after it was written.
func (c *config) delays() bool { return c.forgets() || c.has(readsBeforeWritten) }

// checkDurability says why a durability does not go with the other options.
func (c *config) checkDurability() error {
	switch {
	case !c.forgets():
	case c.policy.home || c.policy.certify:
		return fmt.Errorf("policy %s has one leader decide, and nobody else could tell it what it has forgotten: it needs the durability visible, not %s", c.policy.name, c.durability)
	case c.topology != "all-to-all" && c.delivery != antiEntropy:
		return fmt.Errorf("with durability %s a leader is told by those that it had sent its updates to what it has forgotten, which needs the topology all-to-all or the delivery anti-entropy, not %s and %s",
			c.durability, c.topology, c.delivery)
	}
	return nil
}

// awaited says whether the client of a write is told of it once that is on disk.
func (c *config) awaited() bool { return c.durability == acknowledged || c.has(readsBeforeWritten) }

// unsynced is what has happened since the log was last synced, where that is put off.
type unsynced struct {
	dirty bool
	outs  []targets.Out // what must not leave before
}

// onceSynced has something leave when the log is on disk up to here.
func (m *machine) onceSynced(o targets.Out) {
	if m.unsynced.dirty {
		m.unsynced.outs = append(m.unsynced.outs, o)
		return
	}
	m.emit(o)
}

// syncEvery is for how many timers the log may wait for the disk. Where clients wait
// for it as well that is every timer.
func (c *config) syncEvery() int {
	if c.durability == acknowledged {
		return 1
	}
	return 4
}

// sync has the log on disk, and then lets go what has waited for it.
func (m *machine) sync() {
	if !m.unsynced.dirty || m.ticks%m.cfg.syncEvery() != 0 {
		return
	}
	m.log(recSync, func(*enc) {})
	outs := m.unsynced.outs
	m.unsynced = unsynced{}
	for _, o := range outs {
		m.emit(o)
	}
}

// eager says whether what leaves need not wait for the disk. It must until a peer
// has answered to this start: then the record of it is on disk, and no later start
// will give out the same names.
func (m *machine) eager() bool { return m.cfg.forgets() && m.established() }

// tellSoon sends a peer what it may have before it is on disk here.
func (m *machine) tellSoon(p *peer, body []byte) {
	m.emit(targets.Out{Kind: targets.Message, To: p.name, Body: body, Eager: m.eager()})
}

// acknowledge tells a peer what of its stream is on disk here.
func (m *machine) acknowledge(p *peer) {
	e := m.rooms.enc(msgAck, 12)
	e.uint(p.received)
	e.uint(uint64(p.lives.known))
	m.onceSynced(targets.Out{Kind: targets.Message, To: p.name, Body: e.b})
}
