package secretscan

type keyword struct {
	text string // lower case
	hit  hit
}

// newWords makes Aho and Corasick's automaton of the keywords, in any case.
func newWords(words []keyword) (*automaton, error) {
	var class [256]uint8
	classes := uint8(1) // bytes in no keyword share class 0
	for _, w := range words {
		for i := range len(w.text) {
			c := w.text[i]
			if class[c] > 0 {
				continue
			}
			class[c] = classes
			if isLower(c) {
				class[c-'a'+'A'] = classes
			}
			classes++
		}
	}
	t := trie{classes: int(classes)}
	t.add()
	for _, w := range words {
		t.insert(w, &class)
	}
	t.link()
	return newAutomaton(&class, t.nodes)
}

// trie is the automaton while it is made.
type trie struct {
	classes int
	nodes   []node
}

func (t *trie) add() int {
	next := make([]int, t.classes)
	for i := range next {
		next[i] = none
	}
	t.nodes = append(t.nodes, node{next: next})
	return len(t.nodes) - 1
}

func (t *trie) insert(w keyword, class *[256]uint8) {
	n := 0
	for i := range len(w.text) {
		c := class[w.text[i]]
		if t.nodes[n].next[c] == none {
			child := t.add()
			t.nodes[n].next[c] = child
		}
		n = t.nodes[n].next[c]
	}
	w.hit.length = uint8(len(w.text))
	t.nodes[n].hits = append(t.nodes[n].hits, w.hit)
}

// link completes the transitions, nearest states first, with those of the state that has
// the longest ending of the same text.
func (t *trie) link() {
	shorter := make([]int, len(t.nodes))
	queue := make([]int, 0, len(t.nodes))
	root := &t.nodes[0]
	for c, n := range root.next {
		if n == none {
			root.next[c] = 0
			continue
		}
		queue = append(queue, n)
	}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		this, other := &t.nodes[n], &t.nodes[shorter[n]]
		this.hits = append(this.hits, other.hits...)
		for c, m := range this.next {
			if m == none {
				this.next[c] = other.next[c]
				continue
			}
			shorter[m] = other.next[c]
			queue = append(queue, m)
		}
	}
}
