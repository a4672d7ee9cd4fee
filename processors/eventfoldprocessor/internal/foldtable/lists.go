package foldtable

// The two lists of open events. New and touched ones go to the end, so the first is
// always the next to be due.

func (t *Table) linkOpened(i int32) {
	e := &t.events[i]
	e.openedPrev, e.openedNext = t.openedLast, -1
	if t.openedLast >= 0 {
		t.events[t.openedLast].openedNext = i
	} else {
		t.openedFirst = i
	}
	t.openedLast = i
}

func (t *Table) unlinkOpened(i int32) {
	e := &t.events[i]
	if e.openedPrev >= 0 {
		t.events[e.openedPrev].openedNext = e.openedNext
	} else {
		t.openedFirst = e.openedNext
	}
	if e.openedNext >= 0 {
		t.events[e.openedNext].openedPrev = e.openedPrev
	} else {
		t.openedLast = e.openedPrev
	}
}

func (t *Table) linkTouched(i int32) {
	e := &t.events[i]
	e.touchedPrev, e.touchedNext = t.touchedLast, -1
	if t.touchedLast >= 0 {
		t.events[t.touchedLast].touchedNext = i
	} else {
		t.touchedFirst = i
	}
	t.touchedLast = i
}

func (t *Table) unlinkTouched(i int32) {
	e := &t.events[i]
	if e.touchedPrev >= 0 {
		t.events[e.touchedPrev].touchedNext = e.touchedNext
	} else {
		t.touchedFirst = e.touchedNext
	}
	if e.touchedNext >= 0 {
		t.events[e.touchedNext].touchedPrev = e.touchedPrev
	} else {
		t.touchedLast = e.touchedPrev
	}
}
