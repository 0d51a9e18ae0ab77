// Package stream gives every component a random stream of its own, named after
// it, from the one seed of a run. One more fault, session or link therefore does
// not shift the draws of any other.
package stream

import (
	"hash/fnv"
	"math/rand/v2"
)

// New is the stream of the given name. The same seed and name give the same
// draws on every machine.
func New(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name)) // never fails
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}
