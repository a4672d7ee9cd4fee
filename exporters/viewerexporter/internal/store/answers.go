package store

import "sync"

// answers remembers what a query found in blocks, which never change: the next page, the volume and
// the facets of the same query need not look again, and a query that one call's time is too short for
// goes on where it was. What is remembered goes when newer queries need the room.
//
// It is safe for concurrent use.
type answers struct {
	cache *answerCache
	// guarded by cache.mu
	found map[*block]bitmap // nil: nothing
	used  uint64
	gone  bool
}

type answerCache struct {
	// mu guards the following.
	mu      sync.Mutex
	queries map[string]*answers
	clock   uint64
	bytes   int
}

const (
	maxAnswerQueries = 16
	maxAnswerBytes   = 12 << 20
	answerBytes      = 64 // of one block without a match
)

// of gives the memory of a query. The empty one needs none.
func (c *answerCache) of(text string) *answers {
	if text == "" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.queries == nil {
		c.queries = map[string]*answers{}
	}
	a := c.queries[text]
	if a == nil {
		if len(c.queries) == maxAnswerQueries {
			c.forgetLocked(nil)
		}
		a = &answers{cache: c, found: map[*block]bitmap{}}
		c.queries[text] = a
	}
	c.clock++
	a.used = c.clock
	return a
}

// forgetLocked forgets the query that was not asked for the longest time, of those that are not this one.
func (c *answerCache) forgetLocked(but *answers) bool {
	var oldest string
	var victim *answers
	for text, a := range c.queries {
		if a != but && (victim == nil || a.used < victim.used) {
			oldest, victim = text, a
		}
	}
	if victim == nil {
		return false
	}
	delete(c.queries, oldest)
	for _, found := range victim.found {
		c.bytes -= answerBytes + 8*len(found)
	}
	victim.found, victim.gone = nil, true
	return true
}

// forgetBlocks forgets what was found in blocks that are gone.
func (c *answerCache) forgetBlocks(blocks []*block) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.queries {
		for _, k := range blocks {
			if found, ok := a.found[k]; ok {
				c.bytes -= answerBytes + 8*len(found)
				delete(a.found, k)
			}
		}
	}
}

func (a *answers) get(k *block) (found bitmap, known bool) {
	if a == nil {
		return nil, false
	}
	a.cache.mu.Lock()
	defer a.cache.mu.Unlock()
	found, known = a.found[k]
	return found, known
}

func (a *answers) put(k *block, found bitmap) {
	if a == nil {
		return
	}
	if found.empty() {
		found = nil
	}
	a.cache.mu.Lock()
	defer a.cache.mu.Unlock()
	if a.gone {
		return
	}
	if _, known := a.found[k]; known {
		return
	}
	size := answerBytes + 8*len(found)
	for a.cache.bytes+size > maxAnswerBytes {
		if !a.cache.forgetLocked(a) {
			return
		}
	}
	a.found[k] = found
	a.cache.bytes += size
}
