package logrecord

import (
	"strings"

	"github.com/heartwood-otel/heartwood/internal/severity"
)

// jsonUse is what a key of a JSON line is beside one that may fill a target.
type jsonUse struct {
	// sub are the keys in the object that is the key's value.
	sub *keyIndex
	// marks are what the key shows; needs are the styles of which one must be shown
	// for the key to fill its target, none for always.
	marks style
	needs []style
	// scheme is whose numbers the key's value is, where Settings don't say.
	scheme severity.Scheme
	// kept is set for a key that stays an attribute where it fills its target.
	kept bool
}

// jsonNode is a keyIndex that is being made.
type jsonNode struct {
	uses  []keyUse
	place map[string]int
	subs  map[string]*jsonNode
}

func newJSONNode() *jsonNode {
	return &jsonNode{place: map[string]int{}, subs: map[string]*jsonNode{}}
}

// use gives the use of key, and makes one where there is none.
func (n *jsonNode) use(key string) *keyUse {
	i, ok := n.place[key]
	if !ok {
		i = len(n.uses)
		n.place[key] = i
		n.uses = append(n.uses, keyUse{key: key, target: -1, json: &jsonUse{}})
	}
	return &n.uses[i]
}

// maxWays is how many points of a key may lead into an object: each doubles the
// ways to write it.
const maxWays = 6

// add notes path, and each way to write it as objects in objects.
func (n *jsonNode) add(path string, use keyUse, top bool) {
	own := n.use(path)
	own.target, own.rank = use.target, use.rank
	own.json.needs, own.json.scheme, own.json.kept = use.json.needs, use.json.scheme, use.json.kept
	own.own = use.own && top
	if strings.Count(path, ".") > maxWays {
		return
	}
	for i := range len(path) {
		if path[i] != '.' || i == 0 || i+1 == len(path) {
			continue
		}
		key := path[:i]
		sub := n.subs[key]
		if sub == nil {
			sub = newJSONNode()
			n.subs[key] = sub
			n.use(key)
		}
		sub.add(path[i+1:], use, false)
	}
}

func (n *jsonNode) index() keyIndex {
	for key, sub := range n.subs {
		ix := sub.index()
		n.use(key).json.sub = &ix
	}
	return newKeyIndex(n.uses)
}

// newJSONIndex makes the index of a JSON line's keys. Keys that the user has listed
// need no style.
func newJSONIndex(uses []keyUse, user map[string][]string) keyIndex {
	listed := map[string]bool{}
	for _, keys := range user {
		for _, key := range keys {
			listed[key] = true
		}
	}
	root := newJSONNode()
	for _, use := range uses {
		use.json = &jsonUse{scheme: jsonSchemes[use.key], kept: jsonKept[use.key]}
		if !listed[use.key] {
			use.json.needs = jsonNeeds[use.key]
		}
		root.add(use.key, use, true)
	}
	for key, marks := range jsonMarks {
		root.use(key).json.marks |= marks
	}
	return root.index()
}
