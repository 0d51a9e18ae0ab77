package docker

import (
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

// trial is one kind of fault, or one shape of it where shapes are made in different
// ways: how it is made here, a State that has it, and what a measurement must show.
type trial struct {
	kind, shape, how string
	state            nemesis.State
	shows            func(nemesis.Measured) bool
	also             func(nemesis.Measured) bool // what comes and goes: another measurement of the same State shows this
}

var (
	there = history.Link{From: "n1", To: "n2"}
	back  = history.Link{From: "n2", To: "n1"}

	asked    = history.Link{From: nemesis.Clients, To: "n1"}
	answered = history.Link{From: "n1", To: nemesis.Clients}
)

// trials are the kinds of faults that a State can hold, in the order of their names.
var trials = []trial{
	{
		nemesis.Clock, "bump", "the vDSO of each process is patched; a target may choose libfaketime or a file instead",
		skewedBy(nemesis.ClockState{Node: "n1", Offset: time.Hour}), clockOff(time.Hour, time.Minute), nil,
	},
	{
		nemesis.Clock, "jump-back", "the same",
		skewedBy(nemesis.ClockState{Node: "n1", Offset: -time.Hour}), clockOff(-time.Hour, time.Minute), nil,
	},
	{
		nemesis.Clock, "scramble", "the same, at every node",
		skewedBy(nemesis.ClockState{Node: "n1", Offset: time.Hour}, nemesis.ClockState{Node: "n2", Offset: -time.Hour}),
		func(m nemesis.Measured) bool {
			return (m.Clocks["n1"]-time.Hour).Abs() < time.Minute && (m.Clocks["n2"]+time.Hour).Abs() < time.Minute
		}, nil,
	},
	{
		nemesis.Clock, "strobe", "the same, and the patched code itself tells which of two times it is",
		skewedBy(nemesis.ClockState{Node: "n1", Strobe: nemesis.Strobe{Offset: time.Hour, Period: 150 * time.Millisecond}}),
		clockOff(time.Hour, time.Minute), clockOff(0, time.Minute),
	},
	{ // as if it had begun a while ago
		nemesis.Clock, "drift", "the same",
		skewedBy(nemesis.ClockState{Node: "n1", PPM: 100_000, Since: -1000 * time.Second}), clockOff(105*time.Second, 5*time.Second), nil,
	},
	{nemesis.Crash, "", "", fallen(nemesis.Crash), isDown, nil},
	{
		nemesis.Disk, "full", "a file fills the volume, in memory and of a fixed size, on which a target that says where its data are keeps them",
		troubled(nemesis.DiskTrouble{Full: true}),
		func(m nemesis.Measured) bool { return m.Disks["n1"].Full && !m.Disks["n2"].Full }, nil,
	},
	{nemesis.Disk, "slow", "", troubled(nemesis.DiskTrouble{Slow: time.Second}), nil, nil},
	{nemesis.Kill, "", "the engine kills all processes of a container (SIGKILL), and starts it again", fallen(nemesis.Kill), isDown, nil},
	{
		nemesis.Link, "slow", "packets wait in a queue of the agent (NFQUEUE)",
		impaired(nemesis.Impairment{Delay: 200 * time.Millisecond}),
		func(m nemesis.Measured) bool {
			return m.Probes[there].Least >= 200*time.Millisecond && m.Probes[back].Least < 100*time.Millisecond
		}, nil,
	},
	{
		nemesis.Link, "tail", "the same, each for a time of its own",
		impaired(nemesis.Impairment{Jitter: 50 * time.Millisecond, Tail: true}),
		func(m nemesis.Measured) bool { return m.Probes[there].Mean-m.Probes[there].Least > 20*time.Millisecond }, nil,
	},
	{
		nemesis.Link, "lossy", "packets do not come out of the queue",
		impaired(nemesis.Impairment{Loss: 300_000}),
		func(m nemesis.Measured) bool { return lost(m, there) > 0 && lost(m, back) == 0 }, nil,
	},
	{
		nemesis.Link, "bursty", "the same, many in a row (Gilbert)",
		impaired(nemesis.Impairment{Loss: 300_000, Burst: 8}),
		func(m nemesis.Measured) bool {
			p := m.Probes[there]
			return lost(m, there) > 3*p.Gaps && p.Gaps > 0 && lost(m, back) == 0
		}, nil,
	},
	{
		nemesis.Link, "messy", "packets come out of the queue late, or a second time from a raw socket",
		impaired(nemesis.Impairment{Duplicate: 300_000, Reorder: 300_000}),
		func(m nemesis.Measured) bool { return m.Probes[there].Twice > 0 && m.Probes[there].Overtaken > 0 }, nil,
	},
	{
		nemesis.Link, "narrow", "packets leave the queue one after the other, at the link's rate; what would wait for a second is lost",
		impaired(nemesis.Impairment{Rate: 10_000}),
		func(m nemesis.Measured) bool {
			return m.Probes[there].Mean-m.Probes[there].Least > 50*time.Millisecond && m.Probes[back].Mean < 50*time.Millisecond
		}, nil,
	},
	{
		nemesis.Link, "clients", "what a client and a node say to each other passes this program, which is slow to pass it on",
		nemesis.State{Links: []nemesis.LinkState{{Link: asked, Impairment: nemesis.Impairment{Delay: 200 * time.Millisecond}}}},
		func(m nemesis.Measured) bool {
			return m.Probes[asked].Least >= 200*time.Millisecond && m.Up[answered] && m.Probes[answered].Least < 100*time.Millisecond
		}, nil,
	},
	{
		nemesis.Member, "", "a target that can do so is told to leave; then as wipe, and once it is started again it is told to join",
		fallen(nemesis.Member),
		func(m nemesis.Measured) bool {
			return isDown(m) && m.Nodes["n1"].Lost > 0 && m.Nodes["n1"].Kept == 0
		}, nil,
	},
	{
		nemesis.Partition, "", "packets are dropped by nftables in each node's own network, one direction at a time",
		nemesis.State{Cut: []history.Link{there}},
		func(m nemesis.Measured) bool { return !m.Up[there] && m.Up[back] }, nil,
	},
	{
		nemesis.Partition, "reject", "connections are answered with a reset by nftables, all else is dropped",
		nemesis.State{Cut: []history.Link{back, there}, Reject: []history.Link{back, there}},
		func(m nemesis.Measured) bool {
			return m.Refused[there] && m.Refused[back] && !m.Up[there] && !m.Up[back]
		}, nil,
	},
	{
		nemesis.Partition, "clients", "what a client and a node say to each other passes this program, which holds it up or resets the connection, one direction at a time",
		nemesis.State{Cut: []history.Link{asked, answered}, Reject: []history.Link{asked}},
		func(m nemesis.Measured) bool { return m.Refused[asked] && !m.Up[asked] && !m.Up[answered] }, nil,
	},
	{
		nemesis.Pause, "", "the engine freezes the processes of a container",
		nemesis.State{Paused: []string{"n1"}},
		func(m nemesis.Measured) bool {
			return m.Nodes["n1"].Is == nemesis.Paused && m.Nodes["n2"].Is == nemesis.Up
		}, nil,
	},
	{nemesis.Stop, "", "the engine asks a container to end (SIGTERM), kills it after ten seconds, and starts it again", fallen(nemesis.Stop), isDown, nil},
	{
		nemesis.Wipe, "", "as kill, and the agent empties the volume on which a target that says where its data are keeps them, before it is started again",
		fallen(nemesis.Wipe),
		func(m nemesis.Measured) bool {
			return isDown(m) && m.Nodes["n1"].Lost > 0 && m.Nodes["n1"].Kept == 0
		}, nil,
	},
}

func skewedBy(clocks ...nemesis.ClockState) nemesis.State {
	return nemesis.State{Clocks: clocks}
}

func impaired(i nemesis.Impairment) nemesis.State {
	return nemesis.State{Links: []nemesis.LinkState{{Link: there, Impairment: i}}}
}

func troubled(d nemesis.DiskTrouble) nemesis.State {
	return nemesis.State{Disks: []nemesis.DiskState{{Node: "n1", DiskTrouble: d}}}
}

func fallen(by string) nemesis.State {
	return nemesis.State{Down: []nemesis.DownState{{Node: "n1", By: by}}}
}

// clockOff says whether n1's clock is off by about so much, and n2's is not.
func clockOff(by, about time.Duration) func(nemesis.Measured) bool {
	return func(m nemesis.Measured) bool {
		other, read := m.Clocks["n2"]
		return (m.Clocks["n1"]-by).Abs() < about && read && other.Abs() < max(by.Abs()/2, about)
	}
}

// isDown says whether n1 is down, and n2 is not.
func isDown(m nemesis.Measured) bool {
	return m.Nodes["n1"].Is == nemesis.Down && m.Nodes["n2"].Is == nemesis.Up
}

func lost(m nemesis.Measured, l history.Link) int { return m.Probes[l].Sent - m.Probes[l].Came }
