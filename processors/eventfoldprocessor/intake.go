package eventfoldprocessor

import (
	"context"
	"errors"
	"hash/maphash"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottllog"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/heartwood-otel/heartwood/internal/logencoding"
	"github.com/heartwood-otel/heartwood/internal/recorduid"
	"github.com/heartwood-otel/heartwood/internal/recordwire"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/foldtable"
)

// item is one record of a batch.
type item struct {
	key    foldtable.Key
	uid    uint64 // a fingerprint
	isNew  bool   // its log.record.uid was given here: nobody can have sent it before
	origin recordwire.Origin
	record []byte
	// observed is when, in ns; 0: not.
	observed uint64
	folds    bool
	starts   bool
	ends     bool
	early    bool
}

// intake is what one call of ConsumeLogs needs; intakes are used again.
type intake struct {
	*foldProcessor
	keys   keyReader
	uids   *recorduid.Source
	prints fingerprinter
	items  []item
	folds  int
	// byShard are the indices of items, by shard.
	byShard [][]int32

	splitter recordwire.Splitter
	entries  entries
	late     recordwire.Assembly
	previous []recorduid.UUID // of the late ones
	merged   int
	repeats  int
}

func (p *foldProcessor) newIntake() *intake {
	return &intake{
		foldProcessor: p,
		keys:          keyReader{names: p.cfg.Key, compiled: p.compiled, failed: p.conditionFailed, seed: maphash.MakeSeed()},
		uids:          recorduid.NewSource(),
		prints:        newFingerprinter(p.secret),
		byShard:       make([][]int32, len(p.shards)),
	}
}

// release gives the intake back, without what it points to.
func (in *intake) release() {
	clear(in.items)
	in.items, in.previous = in.items[:0], in.previous[:0]
	in.prints.forget()
	in.late.Reset()
	in.splitter.Reset()
	in.entries.reset()
	for i := range in.byShard {
		in.byShard[i] = in.byShard[i][:0]
	}
	in.folds, in.merged, in.repeats = 0, 0, 0
	in.intakes.Put(in)
}

var (
	attrsNoKey = metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", "no_key")))
	attrsLate  = metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", "late")))
)

// ConsumeLogs returns nil when each record has passed, or is in an event: with a
// directory, in the journal on disk. Records that pass go first, so that a refusal of
// theirs leaves nothing behind.
func (p *foldProcessor) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	if p.isClosing() {
		return errClosing
	}
	in := p.intakes.Get().(*intake)
	defer in.release()
	logs = logencoding.Writable(logs, uidAttribute)
	in.read(ctx, logs)
	if in.folds > 0 {
		if err := p.waitForRoom(ctx); err != nil {
			return err
		}
		if err := in.encode(logs); err != nil {
			return err
		}
	}
	if err := in.pass(ctx, logs); err != nil {
		return err
	}
	if in.folds == 0 {
		return nil
	}
	return in.fold(ctx)
}

// read finds out what is to become of each record.
func (in *intake) read(ctx context.Context, logs plog.Logs) {
	asks := in.compiled.needsContext()
	now := time.Now()
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				in.items = append(in.items, item{})
				it := &in.items[len(in.items)-1]
				var tc *ottllog.TransformContext
				if asks {
					tc = transformContext(rl, sl, lr)
				}
				it.key, it.folds = in.keys.read(ctx, rl, lr, tc)
				uid := in.identify(lr, now)
				if it.folds {
					in.folds++
					it.observed = uint64(lr.ObservedTimestamp())
					if it.isNew = uid != ""; it.isNew {
						it.uid = in.prints.ofNew(uid)
					}
					it.starts = in.compiled.starts.holds(ctx, tc, in.conditionFailed)
					it.ends = in.compiled.ends.holds(ctx, tc, in.conditionFailed)
					it.early = in.compiled.immediately.holds(ctx, tc, in.conditionFailed)
				}
				if asks {
					tc.Close()
				}
			}
		}
	}
}

// identify gives a record a uid where it has none, and says which; "" where it has one. One
// that passes gets one as well: several exporters may be behind, and each would give it its
// own.
func (in *intake) identify(lr plog.LogRecord, now time.Time) string {
	uid, ok := lr.Attributes().Get(uidAttribute)
	if ok && !logencoding.IsEmpty(uid) {
		return ""
	}
	if !ok {
		uid = lr.Attributes().PutEmpty(uidAttribute)
	}
	text := in.uids.Next(now).String()
	uid.SetStr(text)
	return text
}

// name is what the event that opens with this item is named after.
func (in *intake) name(it *item) uint64 {
	if it.isNew || in.secret == nil {
		return it.uid
	}
	return in.prints.name(it.origin, it.record, it.observed)
}

// encode takes the records that fold as bytes, and spreads them over the shards.
func (in *intake) encode(logs plog.Logs) error {
	i := 0
	return in.splitter.Split(logs, func(origin recordwire.Origin, record []byte) error {
		it := &in.items[i]
		if it.folds {
			it.origin, it.record = origin, record
			if !it.isNew {
				it.uid = in.prints.of(origin, record, it.observed)
			}
			shard := int(it.key[0]) & (len(in.shards) - 1)
			in.byShard[shard] = append(in.byShard[shard], int32(i))
		}
		i++
		return nil
	})
}

// pass hands on the records without a key, and with `originals: pass` all of them.
func (in *intake) pass(ctx context.Context, logs plog.Logs) error {
	passing := len(in.items) - in.folds
	copied := 0
	if in.cfg.Originals == originalsPass {
		copied = in.folds
	} else if in.folds > 0 && passing > 0 {
		// Of a copy: others may have the records, too, and who is refused comes again with all.
		own := plog.NewLogs()
		logs.CopyTo(own)
		logs = own
		i := 0
		for _, rl := range logs.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				sl.LogRecords().RemoveIf(func(plog.LogRecord) bool {
					i++
					return in.items[i-1].folds
				})
			}
			rl.ScopeLogs().RemoveIf(func(sl plog.ScopeLogs) bool { return sl.LogRecords().Len() == 0 })
		}
		logs.ResourceLogs().RemoveIf(func(rl plog.ResourceLogs) bool { return rl.ScopeLogs().Len() == 0 })
	}
	if passing+copied == 0 {
		return nil
	}
	if err := in.next.ConsumeLogs(ctx, logs); err != nil {
		return err
	}
	in.tel.ProcessorEventFoldRecordsReceived.Add(ctx, int64(passing))
	in.tel.ProcessorEventFoldRecordsPassed.Add(ctx, int64(passing), attrsNoKey)
	if copied > 0 {
		in.tel.ProcessorEventFoldOriginalsCopied.Add(ctx, int64(copied))
	}
	return nil
}

// fold puts the records into the shards' events, and waits until they are on disk.
func (in *intake) fold(ctx context.Context) error {
	if in.journal != nil {
		if err := in.journal.reserve(ctx, in); err != nil {
			in.written(ctx, err)
			return err
		}
	}
	for i, s := range in.shards {
		if len(in.byShard[i]) > 0 {
			s.take(in, in.byShard[i])
		}
	}
	retracted := 0
	var err error
	if in.journal != nil {
		retracted, err = in.settle(ctx)
		in.written(ctx, err)
	}
	in.tel.ProcessorEventFoldRecordsReceived.Add(ctx, int64(in.merged+in.repeats-retracted))
	in.tel.ProcessorEventFoldRecordsRepeated.Add(ctx, int64(in.repeats))
	if len(in.previous) > 0 {
		err = errors.Join(err, in.passLate(ctx))
	}
	return err
}

// passLate hands on what came when its event had ended, where its original is not handed on
// anyway.
func (in *intake) passLate(ctx context.Context) error {
	if in.cfg.Originals != originalsPass {
		logs, err := in.late.Logs()
		if err != nil {
			return err
		}
		i := 0
		for _, rl := range logs.ResourceLogs().All() {
			for _, lr := range rl.ScopeLogs().At(0).LogRecords().All() {
				lr.Attributes().PutStr("fold.previous", in.previous[i].String())
				i++
			}
		}
		if err := in.next.ConsumeLogs(ctx, logs); err != nil {
			return err
		}
	}
	in.tel.ProcessorEventFoldRecordsReceived.Add(ctx, int64(len(in.previous)))
	in.tel.ProcessorEventFoldRecordsPassed.Add(ctx, int64(len(in.previous)), attrsLate)
	return nil
}
