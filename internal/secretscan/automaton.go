package secretscan

// kind says which verifier looks at a place an automaton stopped at.
type kind uint8

// A hit is what an automaton reports: something of length bytes ended here.
type hit struct {
	kind   kind
	length uint8
	arg    uint16 // which row of the verifier's table
}

// An automaton reads a text byte by byte, and reports what ends where it is. Bytes are folded
// to classes of those that nothing tells apart. States are numbered so that those with
// something to report come last, and a state is its row's offset in next, so that a step is one
// addition and one load. It begins in state 0.
type automaton struct {
	class [256]uint8
	next  []uint32
	hot   uint32 // states from here on report
	shift uint8  // log2 of the row's length
	first []uint32
	hits  []hit // those of hot state s: hits[first[n]:first[n+1]], n = (s-hot)>>shift
}

// reports gives what a state has to report.
func (a *automaton) reports(state uint32) []hit {
	if state < a.hot {
		return nil
	}
	n := (state - a.hot) >> a.shift
	return a.hits[a.first[n]:a.first[n+1]]
}

// node is a state of an automaton that is being made.
type node struct {
	next []int // by class
	hits []hit
}

// newAutomaton makes one of its states, of which the first is the one it begins in and reports
// nothing.
func newAutomaton(class *[256]uint8, nodes []node) *automaton {
	a := &automaton{class: *class, first: []uint32{0}}
	for 1<<a.shift < len(nodes[0].next) {
		a.shift++
	}
	order := make([]uint32, len(nodes))
	states := uint32(0)
	for i := range nodes {
		if len(nodes[i].hits) == 0 {
			order[i] = states << a.shift
			states++
		}
	}
	a.hot = states << a.shift
	for i := range nodes {
		if len(nodes[i].hits) > 0 {
			order[i] = states << a.shift
			states++
			a.hits = append(a.hits, nodes[i].hits...)
			a.first = append(a.first, uint32(len(a.hits)))
		}
	}
	a.next = make([]uint32, states<<a.shift)
	for i := range nodes {
		for c, m := range nodes[i].next {
			a.next[order[i]+uint32(c)] = order[m]
		}
	}
	return a
}
