package secretscan

// kind says which verifier looks at a place the automaton stopped at.
type kind uint8

// A hit is what the automaton reports: a keyword of length bytes ended here.
type hit struct {
	kind   kind
	length uint8
	arg    uint16 // which row of the verifier's table
}

type keyword struct {
	text string // lower case
	hit  hit
}

// An automaton is Aho and Corasick's, with a dense table of transitions: bytes are
// folded to classes (letters without case; bytes in no keyword share one).
// States are numbered so that those with something to report come last, and a state
// is its row's offset in next, so that a step is one addition and one load.
type automaton struct {
	class [256]uint8
	next  []uint32
	hot   uint32 // states from here on report
	shift uint8  // log2 of the row's length
	first []uint32
	hits  []hit // those of hot state s: hits[first[n]:first[n+1]], n = (s-hot)>>shift
}

const (
	otherClass = 0
	digitClass = 1 // digits that stand in no keyword
)

// newAutomaton makes the automaton of the keywords. A kindDigit hit is reported
// at each digit that follows none, if digits is set.
func newAutomaton(words []keyword, digits bool) *automaton {
	a := &automaton{}
	for c := '0'; c <= '9'; c++ {
		a.class[c] = digitClass
	}
	classes := uint8(2)
	bytesOf := [][]byte{nil, []byte("0123456789")}
	for _, w := range words {
		for i := range len(w.text) {
			c := w.text[i]
			if a.class[c] > digitClass {
				continue
			}
			a.class[c] = classes
			bytesOf = append(bytesOf, []byte{c})
			if 'a' <= c && c <= 'z' {
				a.class[c-'a'+'A'] = classes
			}
			classes++
		}
	}
	isDigit := make([]bool, classes)
	for c := '0'; c <= '9'; c++ {
		isDigit[a.class[c]] = true
	}
	for 1<<a.shift < int(classes) {
		a.shift++
	}

	t := newTrie(int(classes))
	for _, w := range words {
		t.add(w, &a.class)
	}
	if digits {
		t.addDigits(isDigit)
	}
	t.link()
	a.number(t)
	return a
}

// trie is the automaton while it is made.
type trie struct {
	classes int
	nodes   []trieNode
}

type trieNode struct {
	next []int // by class; -1: none
	fail int
	hits []hit
}

func newTrie(classes int) *trie {
	t := &trie{classes: classes}
	t.node()
	return t
}

func (t *trie) node() int {
	next := make([]int, t.classes)
	for i := range next {
		next[i] = -1
	}
	t.nodes = append(t.nodes, trieNode{next: next})
	return len(t.nodes) - 1
}

func (t *trie) child(n, class int) int {
	if t.nodes[n].next[class] < 0 {
		c := t.node()
		t.nodes[n].next[class] = c
	}
	return t.nodes[n].next[class]
}

func (t *trie) add(w keyword, class *[256]uint8) {
	n := 0
	for i := range len(w.text) {
		n = t.child(n, int(class[w.text[i]]))
	}
	w.hit.length = uint8(len(w.text))
	t.nodes[n].hits = append(t.nodes[n].hits, w.hit)
}

// addDigits adds kindDigit at a digit that follows none. One digit is a state that
// reports, two are a state that does not, and every further digit leads from there
// to itself, by way of the failure links.
func (t *trie) addDigits(isDigit []bool) {
	for d, is := range isDigit {
		if !is {
			continue
		}
		one := t.child(0, d)
		t.nodes[one].hits = append(t.nodes[one].hits, hit{kind: kindDigit, length: 1})
		for e, is := range isDigit {
			if is {
				two := t.child(one, e)
				t.nodes[two].hits = append(t.nodes[two].hits, hit{kind: kindQuiet})
			}
		}
	}
}

// link completes the transitions, nearest states first.
func (t *trie) link() {
	queue := make([]int, 0, len(t.nodes))
	root := &t.nodes[0]
	for c, n := range root.next {
		if n < 0 {
			root.next[c] = 0
			continue
		}
		queue = append(queue, n)
	}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		node := &t.nodes[n]
		node.inherit(t.nodes[node.fail].hits)
		for c, m := range node.next {
			over := t.nodes[node.fail].next[c]
			if m < 0 {
				node.next[c] = over
				continue
			}
			t.nodes[m].fail = over
			queue = append(queue, m)
		}
	}
}

// inherit adds what the failure state reports; a digit after a digit is silent.
func (n *trieNode) inherit(hits []hit) {
	quiet := false
	for _, h := range n.hits {
		quiet = quiet || h.kind == kindQuiet
	}
	kept := n.hits[:0]
	for _, h := range n.hits {
		if h.kind != kindQuiet {
			kept = append(kept, h)
		}
	}
	n.hits = kept
	for _, h := range hits {
		if !quiet || h.kind != kindDigit {
			n.hits = append(n.hits, h)
		}
	}
}

// number gives the states their final order and fills the tables.
func (a *automaton) number(t *trie) {
	order := make([]uint32, len(t.nodes))
	var cold, hot uint32
	for i := range t.nodes {
		if len(t.nodes[i].hits) == 0 {
			order[i] = cold << a.shift
			cold++
		}
	}
	a.hot = cold << a.shift
	a.first = append(a.first, 0)
	for i := range t.nodes {
		if len(t.nodes[i].hits) > 0 {
			order[i] = a.hot + hot<<a.shift
			hot++
			a.hits = append(a.hits, t.nodes[i].hits...)
			a.first = append(a.first, uint32(len(a.hits)))
		}
	}
	a.next = make([]uint32, (cold+hot)<<a.shift)
	for i := range t.nodes {
		for c, m := range t.nodes[i].next {
			a.next[order[i]+uint32(c)] = order[m]
		}
	}
}
