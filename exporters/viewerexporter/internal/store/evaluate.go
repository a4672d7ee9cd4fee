package store

import (
	"strconv"
	"strings"
	"time"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// evaluator finds in a block what a query matches, column by column: of a column with few values each
// value is looked at once. It gives what query.Query.Match would for each record.
type evaluator struct {
	*reader
	needs map[query.Node]*need
}

// node gives which records of mask a part of a query matches.
func (e *evaluator) node(n query.Node, mask bitmap) (bitmap, error) {
	switch n := n.(type) {
	case nil:
		return mask, nil
	case *query.And:
		// Texts last: they are the dearest.
		for _, texts := range [...]bool{false, true} {
			for _, term := range n.Terms {
				if _, isText := term.(*query.Text); isText != texts || mask.empty() {
					continue
				}
				var err error
				if mask, err = e.node(term, mask); err != nil {
					return nil, err
				}
			}
		}
		return mask, nil
	case *query.Or:
		out := newBitmap(e.rows())
		for _, term := range n.Terms {
			found, err := e.node(term, mask.andNot(out))
			if err != nil {
				return nil, err
			}
			out = out.or(found)
		}
		return out, nil
	case *query.Not:
		found, err := e.node(n.Term, mask)
		if err != nil {
			return nil, err
		}
		return mask.andNot(found), nil
	case *query.Text:
		return e.text(n, mask)
	case *query.Compare:
		return e.compare(n, mask)
	default:
		return nil, errColumn
	}
}

// mayMatch says whether the block's filter lets a part of a query match anything.
func mayMatch(k *block, n query.Node, needs map[query.Node]*need, memory *buffers) (bool, error) {
	switch n := n.(type) {
	case *query.And:
		for _, term := range n.Terms {
			if ok, err := mayMatch(k, term, needs, memory); !ok {
				return false, err
			}
		}
	case *query.Or:
		for _, term := range n.Terms {
			if ok, err := mayMatch(k, term, needs, memory); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	case *query.Text, *query.Compare:
		if needed := needs[n]; needed != nil {
			return k.may(needed, memory)
		}
	}
	return true, nil
}

// needsOf gives what the leaves of a query need of a block's filter.
func needsOf(n query.Node, into map[query.Node]*need) {
	put := func(leaf query.Node, needed need) {
		if !needed.nothing() {
			into[leaf] = &needed
		}
	}
	switch n := n.(type) {
	case *query.And:
		for _, term := range n.Terms {
			needsOf(term, into)
		}
	case *query.Or:
		for _, term := range n.Terms {
			needsOf(term, into)
		}
	case *query.Text:
		put(n, needOf(&n.Pattern))
	case *query.Compare:
		if n.Test.Op != query.Equal {
			return
		}
		switch n.Field.Kind {
		case query.Kind, query.Level, query.Duration:
			return
		}
		number, isNumber := n.Test.Number()
		var needed need
		if !isNumber { // which is equal to others, whose text is another one
			needed = needOf(&n.Test.Pattern)
		}
		whole, ok := n.Test.Pattern.Whole()
		switch n.Field.Kind {
		case query.Attribute, query.Service, query.Request, query.Macro, query.Trace, query.UID, query.Event:
			if ok && len(whole) <= maxFieldText/2 { // values that are longer may have a shorter form
				if !isNumber {
					// Texts in quotes are no numbers, but numbers have texts.
					if v, err := strconv.ParseFloat(whole, 64); err == nil {
						number, isNumber = v, true
					}
				}
				needed.field(n.Field.Name, []byte(whole), number, isNumber)
			}
		}
		put(n, needed)
	}
}

func (e *evaluator) compare(n *query.Compare, mask bitmap) (bitmap, error) {
	switch n.Field.Kind {
	case query.Kind:
		return e.intColumn(columnKind, mask, func(v int64) bool { return n.Test.Value(record.Kind(v).String()) })
	case query.Level:
		return e.intColumn(columnSeverity, mask, func(v int64) bool { return n.Test.Level(uint8(v)) })
	case query.Duration:
		return e.duration(n, mask)
	}
	out := newBitmap(e.rows())
	err := e.resolve(&n.Field, mask, visitor{
		column: func(c *column, rows bitmap) { e.testColumn(c, n, rows, out) },
		value: func(v any, rows bitmap) {
			if n.Test.Value(v) {
				for i := range out {
					out[i] |= rows[i]
				}
			}
		},
	})
	return out, err
}

// visitor is told where the values of a field are: rows are disjoint from call to call.
type visitor struct {
	column func(c *column, rows bitmap) // all rows have a value in the column
	value  func(v any, rows bitmap)     // all rows have this one
}

// resolve finds the values of a field, other than kind, level and duration, for the records of mask, as
// query.Field.Value does.
func (e *evaluator) resolve(field *query.Field, mask bitmap, visit visitor) error {
	fixed := func(column int, mask bitmap) (undecided bitmap, err error) {
		c, err := e.fixedColumn(column)
		if err != nil || c == nil {
			return mask, err
		}
		visit.column(c, mask.and(c.there))
		return mask.andNot(c.there), nil
	}
	if field.Kind == query.Attribute {
		return e.attribute(field, mask, visit)
	}
	if field.Kind == query.Name {
		undecided, err := fixed(columnEvent, mask)
		if err != nil || undecided.empty() {
			return err
		}
		if undecided, err = e.intColumn(columnKind, undecided, func(v int64) bool { return record.Kind(v) == record.Span }); err == nil {
			_, err = fixed(columnBody, undecided)
		}
		return err
	}
	undecided, err := fixed(fixedOf(field.Kind), mask)
	if err == nil && strings.Contains(field.Name, ".") && !undecided.empty() {
		err = e.attribute(field, undecided, visit)
	}
	return err
}

// fixedOf gives the column of a field of the record itself.
func fixedOf(kind query.FieldKind) int {
	switch kind {
	case query.Service:
		return columnService
	case query.Request:
		return columnRequest
	case query.Macro:
		return columnMacro
	case query.Trace:
		return columnTrace
	case query.Span:
		return columnSpan
	case query.Parent:
		return columnParent
	case query.UID:
		return columnUID
	case query.Event:
		return columnEvent
	default:
		return columnBody
	}
}

// intColumn gives which records of mask pass with their value in a column of integers that all have.
func (e *evaluator) intColumn(fixed int, mask bitmap, pass func(int64) bool) (bitmap, error) {
	c, err := e.fixedColumn(fixed)
	if err != nil {
		return nil, err
	}
	out := newBitmap(e.rows())
	if c == nil {
		return nil, errColumn
	}
	eachValue(c, mask, out, func(v any) bool {
		n, _ := v.(int64)
		return pass(n)
	})
	return out, nil
}

// testColumn sets in out which rows, all of which have a value in the column, pass.
func (e *evaluator) testColumn(c *column, n *query.Compare, rows, out bitmap) {
	if n.Test.Op == query.Exists {
		for i := range out {
			out[i] |= rows[i]
		}
		return
	}
	switch c.form {
	case formText:
		rows.rows(func(row int) {
			e.buffers.text = append(e.buffers.text[:0], c.textAt(c.index(row))...)
			if n.Test.Text(e.buffers.text) {
				out.set(row)
			}
		})
	case formHex, formUUID:
		if n.Test.Op == query.Equal && outside(&n.Test.Pattern, isDigit) {
			return
		}
		rows.rows(func(row int) {
			e.buffers.text = c.appendDigits(e.buffers.text[:0], c.index(row))
			if n.Test.Text(e.buffers.text) {
				out.set(row)
			}
		})
	default:
		eachValue(c, rows, out, n.Test.Value)
	}
}

// eachValue sets in out which records of mask have a value that passes; each value of a column with few is
// asked about once.
func eachValue(c *column, mask, out bitmap, pass func(any) bool) {
	switch c.form {
	case formConst:
		if pass(c.values[0]) {
			for i := range out {
				out[i] |= mask[i]
			}
		}
	case formDict:
		var passes [maxDict + 1]bool
		some := false
		for i, v := range c.values {
			passes[i+1] = pass(v)
			some = some || passes[i+1]
		}
		if some {
			mask.rows(func(row int) {
				if passes[c.codes[row]] {
					out.set(row)
				}
			})
		}
	default:
		mask.and(c.there).rows(func(row int) {
			if v, _ := c.at(row); pass(v) {
				out.set(row)
			}
		})
	}
}

// attribute is resolve for an attribute of the record, or else of its resource.
func (e *evaluator) attribute(field *query.Field, mask bitmap, visit visitor) error {
	undecided, err := e.ownAttribute(field, mask, visit)
	if err != nil || undecided.empty() || e.fixed[columnResource] < 0 {
		return err
	}
	if err := e.readResources(); err != nil {
		return err
	}
	rowsOf := make([]bitmap, len(e.resources))
	valueOf := make([]any, len(e.resources))
	for i, fields := range e.resources {
		for j := range fields {
			if query.SameName(fields[j].Name, field.Name) {
				rowsOf[i], valueOf[i] = newBitmap(e.rows()), fields[j].Value
				break
			}
		}
	}
	undecided.rows(func(row int) {
		if at := e.rowResource[row]; at >= 0 && rowsOf[at] != nil {
			rowsOf[at].set(row)
		}
	})
	for i, rows := range rowsOf {
		if rows != nil && !rows.empty() {
			visit.value(valueOf[i], rows)
		}
	}
	return nil
}

// ownAttribute is attribute for the record's own, and gives the rows without one.
func (e *evaluator) ownAttribute(field *query.Field, mask bitmap, visit visitor) (undecided bitmap, err error) {
	undecided = mask
	rest, err := e.restFields()
	if err != nil {
		return nil, err
	}
	// Names that differ in case only: the first of a record counts, as in query.Field.Value.
	var inRest bitmap
	var ofRest []*record.Field
	if rest != nil {
		inRest, ofRest = newBitmap(e.rows()), make([]*record.Field, e.rows())
		undecided.rows(func(row int) {
			for i := range rest[row] {
				if query.SameName(rest[row][i].Name, field.Name) {
					inRest.set(row)
					ofRest[row] = &rest[row][i]
					break
				}
			}
		})
	}
	for i := range e.places {
		if !sameField(&e.places[i], field) {
			continue
		}
		c, err := e.column(i)
		if err != nil {
			return nil, err
		}
		here := undecided.and(c.there)
		if inRest != nil {
			here.and(inRest).rows(func(row int) {
				if ofRest[row].Name < e.places[i].name {
					here.unset(row)
				}
			})
		}
		visit.column(c, here)
		undecided = undecided.andNot(here)
	}
	if inRest != nil {
		undecided.and(inRest).rows(func(row int) {
			one := newBitmap(e.rows())
			one.set(row)
			visit.value(ofRest[row].Value, one)
		})
		undecided = undecided.andNot(inRest)
	}
	return undecided, nil
}

func (e *evaluator) duration(n *query.Compare, mask bitmap) (bitmap, error) {
	durations, there, err := e.durations(mask)
	if err != nil {
		return nil, err
	}
	out := newBitmap(e.rows())
	there.rows(func(row int) {
		if n.Test.Value(durations[row].Seconds()) {
			out.set(row)
		}
	})
	return out, nil
}

// durations gives query.DurationOf for the records of mask that have one.
func (e *evaluator) durations(mask bitmap) ([]time.Duration, bitmap, error) {
	durations, there := make([]time.Duration, e.rows()), newBitmap(e.rows())
	c, err := e.fixedColumn(columnDuration)
	if err != nil {
		return nil, nil, err
	}
	if c != nil {
		mask.and(c.there).rows(func(row int) {
			v, _ := c.at(row)
			d, _ := v.(int64)
			durations[row] = time.Duration(d)
			there.set(row)
		})
	}
	for _, name := range [...]string{query.FoldDuration, query.EventDuration} {
		put := func(v any, rows bitmap) {
			if d, ok := query.DurationValue(name, v); ok {
				rows.rows(func(row int) {
					durations[row] = d
					there.set(row)
				})
			}
		}
		_, err := e.ownAttribute(&query.Field{Kind: query.Attribute, Name: name}, mask.andNot(there), visitor{
			column: func(c *column, rows bitmap) {
				rows.rows(func(row int) {
					v, _ := c.at(row)
					if d, ok := query.DurationValue(name, v); ok {
						durations[row] = d
						there.set(row)
					}
				})
			},
			value: put,
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return durations, there, nil
}
