package secretscan

import "fmt"

// kind says which verifier looks at a place an automaton stopped at.
type kind uint8

// A hit is what an automaton reports: something of length bytes ended here.
type hit struct {
	kind   kind
	length uint8
	arg    uint16 // which row of the verifier's table
}

// An automaton reads a text byte by byte, and reports what ends where it is. It begins in state 0,
// and the states with something to report come last. Its tables are small, and a step is no more
// than a load from one, because each step waits for the one before.
type automaton struct {
	next  [256][]uint16 // by byte, the state after each state
	hot   uint          // states from here on report
	first []int
	hits  []hit // those of state hot+n: hits[first[n]:first[n+1]]
}

// reports gives what a state has to report.
func (a *automaton) reports(state uint) []hit {
	if state < a.hot {
		return nil
	}
	n := state - a.hot
	return a.hits[a.first[n]:a.first[n+1]]
}

const maxStates = 1 << 16

// node is a state of an automaton that is being made.
type node struct {
	next []int // by class
	hits []hit
}

// newAutomaton makes one of its states, of which the first is the one it begins in and reports
// nothing. Bytes of one class, which nothing tells apart, share their table.
func newAutomaton(class *[256]uint8, nodes []node) (*automaton, error) {
	if len(nodes) > maxStates {
		return nil, fmt.Errorf("the keywords and secret keys need %d states, which is more than %d: give fewer, or shorter ones", len(nodes), maxStates)
	}
	a := &automaton{first: []int{0}}
	order := make([]uint16, len(nodes))
	states := uint16(0)
	for i := range nodes {
		if len(nodes[i].hits) == 0 {
			order[i] = states
			states++
		}
	}
	a.hot = uint(states)
	for i := range nodes {
		if len(nodes[i].hits) > 0 {
			order[i] = states
			states++
			a.hits = append(a.hits, nodes[i].hits...)
			a.first = append(a.first, len(a.hits))
		}
	}
	tables := make([][]uint16, len(nodes[0].next))
	for c := range tables {
		tables[c] = make([]uint16, len(nodes))
		for i := range nodes {
			tables[c][order[i]] = order[nodes[i].next[c]]
		}
	}
	for b, c := range class {
		a.next[b] = tables[c]
	}
	return a, nil
}
