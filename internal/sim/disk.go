package sim

import (
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

// The disk. What a machine logs is in the page cache at once, where it outlives
// the machine; a sync brings it to the disk, where it outlives a loss of power.
// What nobody syncs gets there by itself a little later.
const (
	diskSync  = 200 * time.Microsecond
	diskFlush = time.Second
)

type disk struct {
	k        *kernel
	records  [][]byte
	page     []byte        // where the next records go
	synced   int           // so many of the records would survive a loss of power, as of the last settle
	syncs    []syncing     // that were asked for and not looked at since, in order
	busy     time.Duration // until then it syncs what it was asked to
	flushing bool          // what was not synced will be before long
	powers   int           // how often power was lost: a flush of before does nothing after
	lost     int64         // records that went with the last loss of power
	trouble  nemesis.DiskTrouble
	met      int64 // syncs that were slow, or what came while it was full
}

// syncing brings so many of the records to the disk by a time.
type syncing struct {
	at      time.Duration
	records int
}

// Read is what a machine that comes up finds.
func (d *disk) Read() [][]byte { return slices.Clip(d.records) }

// write takes the records of one step, with one sync if any of them asks for it.
func (d *disk) write(outs []targets.Out) {
	sync := false
	for _, o := range outs {
		if o.Kind == targets.Log {
			d.records = append(d.records, d.keep(o.Body))
			sync = sync || o.Sync
		}
	}
	switch {
	case sync:
		d.sync()
	case !d.flushing:
		if d.settle(); d.synced < len(d.records) {
			d.flush()
		}
	}
}

// pageSize is for many records: the collector of garbage has few things to look at.
const pageSize = 1 << 14

// keep copies a record to a page.
func (d *disk) keep(record []byte) []byte {
	if cap(d.page)-len(d.page) < len(record) {
		d.page = make([]byte, 0, max(pageSize, len(record)))
	}
	from := len(d.page)
	d.page = append(d.page, record...)
	return slices.Clip(d.page[from:])
}

// sync brings what is written now to the disk, after what it is busy with. On a slow
// disk what is asked for while a sync waits to begin goes with that one, as databases
// do it: else it would never catch up.
func (d *disk) sync() {
	d.settle()
	if last := len(d.syncs) - 1; d.trouble.Slow > 0 {
		d.met++
		if last >= 0 && d.syncs[last].at-d.takes() > d.k.now {
			d.syncs[last].records = len(d.records)
			return
		}
	}
	d.busy = max(d.busy, d.k.now) + d.takes()
	d.syncs = append(d.syncs, syncing{d.busy, len(d.records)})
}

// finish brings everything that is written to the disk, as a process does that ends
// in good order.
func (d *disk) finish() {
	d.settle()
	under := d.synced // so many will be when all is done that was asked for
	if last := len(d.syncs) - 1; last >= 0 {
		under = max(under, d.syncs[last].records)
	}
	if under < len(d.records) {
		d.sync()
	}
}

// settle notes what has been synced by now. Nobody needs to know at the moment of it.
func (d *disk) settle() {
	done := 0
	for done < len(d.syncs) && d.syncs[done].at <= d.k.now {
		d.synced = max(d.synced, d.syncs[done].records)
		done++
	}
	d.syncs = slices.Delete(d.syncs, 0, done)
}

// flush brings to the disk, a while later, what is written by then.
func (d *disk) flush() {
	d.flushing = true
	power := d.powers
	d.k.after(diskFlush, func() {
		if power == d.powers {
			d.synced, d.flushing = len(d.records), false
		}
	})
}

// takes is how long one sync does.
func (d *disk) takes() time.Duration { return diskSync + d.trouble.Slow }

// become makes true what the State says of this disk.
func (d *disk) become(trouble nemesis.DiskTrouble) {
	if d.trouble == (nemesis.DiskTrouble{}) && trouble != d.trouble {
		d.met = 0
	}
	d.trouble = trouble
}

// wait is how long it takes until everything that was to be synced is.
func (d *disk) wait() time.Duration { return max(d.busy-d.k.now, 0) }

// wipe empties the disk.
func (d *disk) wipe() {
	d.lost = int64(len(d.records))
	d.records, d.page, d.synced = nil, nil, 0
	d.syncs, d.busy, d.flushing, d.powers = nil, 0, false, d.powers+1
}

// losePower forgets what was not synced.
func (d *disk) losePower() {
	d.settle()
	d.lost = int64(len(d.records) - d.synced)
	d.records = slices.Clip(d.records[:d.synced])
	d.syncs, d.busy, d.flushing, d.powers = nil, 0, false, d.powers+1
}
