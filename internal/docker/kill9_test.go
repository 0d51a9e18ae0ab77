package docker

import (
	"time"

	"github.com/mlcheck/mlcheck/internal/agent"
	"github.com/mlcheck/mlcheck/nemesis"
)

// inForce is what a runner says whenever it has measured its fault.
const inForce = "in force"

// killedUnder are the faults under which runners are killed.
var killedUnder = []struct {
	name  string
	state nemesis.State
}{
	{"everything at once", nemesis.State{
		Cut:    links("n1", "n2"),
		Links:  []nemesis.LinkState{{Link: links("n2", "n3")[0], Impairment: nemesis.Impairment{Delay: 20 * time.Millisecond}}},
		Clocks: []nemesis.ClockState{{Node: "n1", Offset: time.Hour}},
		Paused: []string{"n2"}, Down: []nemesis.DownState{{Node: "n3", By: nemesis.Kill}},
		Disks: troubled(nemesis.DiskTrouble{Full: true}).Disks,
	}},
	{"disk", troubled(nemesis.DiskTrouble{Full: true})},
	{"clock", skewedBy(nemesis.ClockState{Node: "n1", Offset: -time.Hour, PPM: 1000})},
	{"partition", nemesis.State{Cut: links("n1", "n2", "n2", "n1")}},
	{"link", impaired(nemesis.Impairment{Delay: 50 * time.Millisecond, Loss: 100_000, Duplicate: 100_000})},
	{"pause", nemesis.State{Paused: []string{"n1", "n2", "n3"}}},
	{"kill", fallen(nemesis.Kill)},
	{"stop", fallen(nemesis.Stop)},
	{"wipe", fallen(nemesis.Wipe)},
}

// underFault has a runner's nodes made so that a fault can be there, and gives it.
func underFault(cfg *Config, name string) nemesis.State {
	e := cfg.System.(*echo)
	// The run's id in their environment tells the nodes' processes from all others.
	e.clock, e.data, e.env, cfg.Fills = agent.VDSO, "/data", map[string]string{"OF_RUN": cfg.Run}, name != nemesis.Wipe
	cfg.Wipes = true // with an ordinary volume, where none is filled
	for _, f := range killedUnder {
		if f.name == name {
			return f.state
		}
	}
	panic("no fault is called " + name)
}
