package store

import "sync"

// pendings remembers pages that one call's time was too short for, where the cursor alone can't say how far
// it came: records of many blocks have the same times, and none can be given before all these have been
// looked at. The next call with the same arguments goes on; without what was remembered it begins anew.
type pendings struct {
	// mu guards the following.
	mu    sync.Mutex
	pages map[pendingKey]*pending
	order []pendingKey // the oldest first
}

type pendingKey struct {
	query, cursor string
	from, to      int64
	oldest        bool
	limit         int
}

type pending struct {
	hits []hit
	done map[uint64]bool // the first ids of the sources that have been looked at
}

const maxPendings = 16

func (p *pendings) put(key pendingKey, page *pending) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pages == nil {
		p.pages = map[pendingKey]*pending{}
	}
	if p.pages[key] == nil {
		if len(p.order) == maxPendings {
			delete(p.pages, p.order[0])
			p.order = p.order[1:]
		}
		p.order = append(p.order, key)
	}
	p.pages[key] = page
}

// get gives what was remembered, with the hits in the sources that are there now. It stays, as it may be
// asked for again.
func (p *pendings) get(key pendingKey, sources []source) *pending {
	p.mu.Lock()
	page := p.pages[key]
	p.mu.Unlock()
	if page == nil {
		return &pending{done: map[uint64]bool{}}
	}
	now := map[uint64]*source{}
	for i := range sources {
		now[sources[i].ids.first] = &sources[i]
	}
	out := &pending{done: map[uint64]bool{}}
	for first := range page.done {
		out.done[first] = true
	}
	for _, h := range page.hits {
		if h.source = now[h.source.ids.first]; h.source != nil {
			out.hits = append(out.hits, h)
		}
	}
	return out
}
