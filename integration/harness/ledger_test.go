package harness

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func ledgerRecords(writer string, numbers ...int) []LogRecord {
	var records []LogRecord
	for _, n := range numbers {
		records = append(records, LogRecord{
			Body:       fmt.Sprintf("line %d of %s", n, writer),
			Attributes: Attributes{"writer": writer, "n": int64(n), "log.record.uid": fmt.Sprint("uid", writer, n)},
		})
	}
	return records
}

func TestLedgerText(t *testing.T) {
	l := NewLedger()
	l.Make("other", 1)
	l.Make("w", 1)
	text := l.Make("w", 2).Text()
	lines := strings.Split(text, "\n")
	assert.Len(t, lines, 3)
	assert.Contains(t, lines[0], ` msg="line 2 of w" writer=w n=2 `)
	assert.Contains(t, lines[1], ` msg="line 3 of w" writer=w n=3 `)
	assert.Empty(t, lines[2])
	assert.Equal(t, 4, l.Made())
	assert.Equal(t, 0, l.Confirmed())
}

func TestLedgerFindsEveryMistake(t *testing.T) {
	twice := ledgerRecords("a", 1, 2, 2, 3)
	twice[2].Attributes = Attributes{"writer": "a", "n": int64(2), "log.record.uid": "another"}
	sameUID := ledgerRecords("a", 1, 2, 3)
	sameUID[1].Attributes["log.record.uid"] = "uida1"
	noUID := ledgerRecords("a", 1, 2, 3)
	delete(noUID[1].Attributes, "log.record.uid")
	otherText := ledgerRecords("a", 1, 2, 3)
	otherText[1].Body = "line 2 of"
	asText := ledgerRecords("a", 1, 2, 3)
	asText[1].Attributes["n"] = "2"

	tests := map[string]struct {
		records   []LogRecord
		says      string // of RequireExactlyOnce
		perUID    bool   // so says RequireOncePerUID too
		lost      bool   // so says RequireNothingLost too
		confirmed int    // of three lines
	}{
		"all there":              {records: ledgerRecords("a", 3, 1, 2), confirmed: 3},
		"one missing":            {records: ledgerRecords("a", 1, 3), confirmed: 3, says: "1 missing: a/00000002", perUID: true, lost: true},
		"all missing":            {confirmed: 3, says: "3 missing", perUID: true, lost: true},
		"an unconfirmed missing": {records: ledgerRecords("a", 1, 2), confirmed: 2},
		"an unconfirmed there":   {records: ledgerRecords("a", 1, 2, 3), confirmed: 2},
		"one twice":              {records: twice, confirmed: 3, says: "1 more than once with other uids: a/00000002", perUID: true},
		"one never made":         {records: ledgerRecords("a", 1, 2, 3, 4), confirmed: 3, says: "1 never made", perUID: true, lost: true},
		"number 0":               {records: ledgerRecords("a", 0, 1, 2, 3), confirmed: 3, says: "1 never made", perUID: true, lost: true},
		"an unknown writer":      {records: append(ledgerRecords("a", 1, 2, 3), ledgerRecords("b", 1)...), confirmed: 3, says: "1 never made", perUID: true, lost: true},
		"a text that was cut":    {records: otherText, confirmed: 3, says: "1 never made", perUID: true, lost: true},
		"a number as text":       {records: asText, confirmed: 3, says: "1 never made", perUID: true, lost: true},
		"one again":              {records: ledgerRecords("a", 1, 2, 2, 3), confirmed: 3, says: "1 repeats with the same uid"},
		"a uid twice":            {records: sameUID, confirmed: 3, says: `1 without a uid of their own: a/00000002: uid "uida1"`, perUID: true},
		"no uid":                 {records: noUID, confirmed: 3, says: `1 without a uid of their own: a/00000002: uid ""`, perUID: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := NewLedger()
			l.Make("a", test.confirmed).Confirm()
			l.Make("a", 3-test.confirmed)
			assert.Equal(t, test.confirmed, l.Confirmed())

			once := newRecorder()
			once.run(func() { l.RequireExactlyOnce(once, test.records) })
			assert.Equal(t, test.says != "", once.Failed())
			assert.Contains(t, once.end(), test.says)

			perUID := newRecorder()
			perUID.run(func() { l.RequireOncePerUID(perUID, test.records) })
			assert.Equal(t, test.perUID, perUID.Failed())

			lost := newRecorder()
			lost.run(func() { l.RequireNothingLost(lost, test.records) })
			assert.Equal(t, test.lost, lost.Failed())
		})
	}
}

func TestLedgerShowsTheFirstOfMany(t *testing.T) {
	l := NewLedger()
	l.Make("a", 30).Confirm()
	text := l.Account(nil).String()
	assert.Contains(t, text, "30 missing: a/00000001, a/00000002")
	assert.Contains(t, text, "a/00000010, ...")
	assert.NotContains(t, text, "a/00000011")
}

func TestLedgerFindsGaps(t *testing.T) {
	for name, test := range map[string]struct {
		records []LogRecord
		gap     bool
	}{
		"none":             {nil, false},
		"all":              {ledgerRecords("a", 1, 2, 3), false},
		"cut off":          {append(ledgerRecords("a", 2, 1), ledgerRecords("b", 1)...), false},
		"repeats":          {ledgerRecords("a", 1, 2, 2, 1), false},
		"a gap":            {ledgerRecords("a", 1, 3), true},
		"the first":        {ledgerRecords("a", 2), true},
		"hidden by others": {append(ledgerRecords("a", 1, 3), ledgerRecords("b", 1, 2, 3)...), true},
	} {
		tb := newRecorder()
		tb.run(func() { NewLedger().RequireNoGaps(tb, test.records) })
		assert.Equal(t, test.gap, tb.Failed(), name)
	}
}
