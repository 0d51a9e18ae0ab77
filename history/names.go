package history

// names gives the names that a parser meets small numbers. It knows nothing of
// other parsers: what a name's number is in the history, its reader finds out
// when the name is used, so that numbers follow the order of the lines.
type names struct {
	number map[string]int32
	fresh  []string // met since the last batch, in order
}

// maxNames is how many names a parser remembers. Then it starts again.
const maxNames = 1 << 16

func (n *names) of(text []byte) int32 {
	id, ok := n.number[string(text)]
	if !ok {
		id = int32(len(n.number))
		name := string(text)
		n.number[name], n.fresh = id, append(n.fresh, name)
	}
	return id
}

// told are the names of a parser as the reader of its batches knows them.
type told struct {
	name []string
	is   []int32 // the name's number in the history, plus 1; 0: not used yet
}

func (t *told) add(fresh []string) {
	t.name = append(t.name, fresh...)
	t.is = append(t.is, make([]int32, len(fresh))...)
}
