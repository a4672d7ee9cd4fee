package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
)

// The form of the files: docs/format/spool.md.
const (
	headerMagic = "HWSPOOL\x01" // the last byte is the version
	headerHead  = len(headerMagic) + 4 + 4
	frameMagic  = 0x4d415246 // "FRAM", little-endian
	frameHead   = 4 + 4 + 8 + 8 + 4 + 4
	// maxBody bounds what a length may say: a larger one is damage, not a reason to
	// allocate.
	maxBody = 1 << 30
	// maxRecords bounds what a manifest may say of a segment: a bit is kept for each.
	maxRecords = 1 << 30
)

var crcTable = crc32.MakeTable(crc32.Castagnoli)

var (
	errShort    = errors.New("it ends too early")
	errMagic    = errors.New("it does not begin as it should")
	errChecksum = errors.New("the checksum is wrong")
	errVersion  = errors.New("it is of a version that this program does not know")
	errContent  = errors.New("its content is not what its form allows")
)

// manifest is what a segment's header says: which older segments there are, and what
// is acknowledged in them.
type manifest struct {
	// salt begins the checksums of the segment's frames. Records come from strangers:
	// without it, one could hold what looks like a frame.
	salt    uint32
	number  uint64
	first   ID
	entries []manifestEntry
}

type manifestEntry struct {
	number uint64
	first  ID
	count  uint64
	length int64 // of the file, as far as it is durable
	acked  []idRange
}

// idRange are records of a segment, by their place in it.
type idRange struct{ from, count uint64 }

func encodeHeader(m *manifest) []byte {
	dst := []byte(headerMagic)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, m.salt)
	dst = binary.AppendUvarint(dst, m.number)
	dst = binary.AppendUvarint(dst, uint64(m.first))
	dst = binary.AppendUvarint(dst, uint64(len(m.entries)))
	for i := range m.entries {
		e := &m.entries[i]
		dst = binary.AppendUvarint(dst, e.number)
		dst = binary.AppendUvarint(dst, uint64(e.first))
		dst = binary.AppendUvarint(dst, e.count)
		dst = binary.AppendUvarint(dst, uint64(e.length))
		dst = appendRanges(dst, e.acked)
	}
	body := dst[headerHead:]
	binary.LittleEndian.PutUint32(dst[8:], uint32(len(body)))
	binary.LittleEndian.PutUint32(dst[12:], crc32.Checksum(body, crcTable))
	return dst
}

// readHeader reads a header at the beginning of data; size is how long it is.
func readHeader(data []byte) (m *manifest, size int, err error) {
	if len(data) < headerHead {
		return nil, 0, errShort
	}
	if string(data[:7]) != headerMagic[:7] {
		return nil, 0, errMagic
	}
	if data[7] != headerMagic[7] {
		return nil, 0, fmt.Errorf("%w: %d", errVersion, data[7])
	}
	length := binary.LittleEndian.Uint32(data[8:])
	if length > maxBody || int(length) > len(data)-headerHead {
		return nil, 0, errShort
	}
	body := data[headerHead : headerHead+int(length)]
	if crc32.Checksum(body, crcTable) != binary.LittleEndian.Uint32(data[12:]) {
		return nil, 0, errChecksum
	}
	d := decoder{data: body}
	m = &manifest{salt: d.uint32(), number: d.uvarint(), first: ID(d.uvarint())}
	entries := d.uvarint()
	for range entries {
		if d.failed {
			break
		}
		m.entries = append(m.entries, manifestEntry{
			number: d.uvarint(), first: ID(d.uvarint()), count: d.uvarint(), length: int64(d.uvarint()), acked: d.ranges(),
		})
		e := &m.entries[len(m.entries)-1]
		d.failed = d.failed || e.count > maxRecords || e.length < 0 || uint64(e.first)+e.count < e.count
		if n := len(e.acked); n > 0 {
			d.failed = d.failed || e.acked[n-1].from+e.acked[n-1].count > e.count
		}
	}
	if d.failed || len(d.data) != 0 {
		return nil, 0, errContent
	}
	return m, headerHead + int(length), nil
}

// The kinds of frames.
const (
	kindBatch    = 1
	kindFollowed = 2 // the next segment's number: this one is not the last
	kindPadding  = 3 // zeros, so that what follows begins at a block
)

// frame is one transaction.
type frame struct {
	durable  int64 // how far the segment was known to be on disk
	first    ID
	records  [][]byte
	acks     []idRange // by ID
	followed uint64    // the number of the next segment, 0: it is a batch, or padding
	padding  bool
}

// appendFrame appends a frame whose durable is to be filled in by sealFrame.
func appendFrame(dst []byte, first ID, heads, records [][]byte, acks []idRange) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, frameHead)...)
	dst = append(dst, kindBatch)
	dst = binary.AppendUvarint(dst, uint64(len(records)))
	for i, r := range records {
		var head []byte
		if len(heads) > 0 {
			head = heads[i]
		}
		dst = binary.AppendUvarint(dst, uint64(len(head)+len(r)))
		dst = append(append(dst, head...), r...)
	}
	dst = appendRanges(dst, acks)
	return finishFrame(dst, start, first)
}

// maxFrameBody is how many bytes appendFrame's body has at most.
func maxFrameBody(heads, records [][]byte, acks []idRange) int {
	size := 1 + binary.MaxVarintLen64*(2+len(records)+2*len(acks))
	for _, h := range heads {
		size += len(h)
	}
	for _, r := range records {
		size += len(r)
	}
	return size
}

func appendFollowed(dst []byte, next uint64) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, frameHead)...)
	dst = append(dst, kindFollowed)
	dst = binary.AppendUvarint(dst, next)
	return finishFrame(dst, start, 0)
}

// paddingSize is how long the padding at a place must be, so that a block begins behind it.
func paddingSize(at, block int64) int {
	size := (block - at%block) % block
	for size > 0 && size < frameHead+1 {
		size += block
	}
	return int(size)
}

// appendPadding appends a frame of that size.
func appendPadding(dst []byte, size int) []byte {
	start := len(dst)
	dst = slices.Grow(dst, size)[:start+size]
	clear(dst[start:])
	dst[start+frameHead] = kindPadding
	return finishFrame(dst, start, 0)
}

func finishFrame(dst []byte, start int, first ID) []byte {
	body := dst[start+frameHead:]
	binary.LittleEndian.PutUint32(dst[start:], frameMagic)
	binary.LittleEndian.PutUint32(dst[start+4:], uint32(len(body)))
	binary.LittleEndian.PutUint64(dst[start+16:], uint64(first))
	binary.LittleEndian.PutUint32(dst[start+24:], crc32.Checksum(body, crcTable))
	return dst
}

// sealFrame writes into a frame how far its segment is durable, and the checksum of
// its head, which makes it one of the segment with the salt.
func sealFrame(frame []byte, salt uint32, durable int64) {
	binary.LittleEndian.PutUint64(frame[8:], uint64(durable))
	binary.LittleEndian.PutUint32(frame[28:], crc32.Update(salt, crcTable, frame[:28]))
}

// readFrameHead checks a frame's head; size is of the whole frame.
func readFrameHead(data []byte, salt uint32) (size int, err error) {
	if len(data) < frameHead {
		return 0, errShort
	}
	if binary.LittleEndian.Uint32(data) != frameMagic {
		return 0, errMagic
	}
	if crc32.Update(salt, crcTable, data[:28]) != binary.LittleEndian.Uint32(data[28:]) {
		return 0, errChecksum
	}
	length := binary.LittleEndian.Uint32(data[4:])
	if length > maxBody {
		return 0, errContent
	}
	return frameHead + int(length), nil
}

// readFrame reads a frame at the beginning of data. Its records are parts of data.
func readFrame(data []byte, salt uint32) (f frame, size int, err error) {
	size, err = readFrameHead(data, salt)
	if err != nil {
		return frame{}, 0, err
	}
	if size > len(data) {
		return frame{}, 0, errShort
	}
	body := data[frameHead:size]
	if crc32.Checksum(body, crcTable) != binary.LittleEndian.Uint32(data[24:]) {
		return frame{}, 0, errChecksum
	}
	f, err = decodeFrame(data[:size], nil)
	return f, size, err
}

// decodeFrame decodes a frame that is known to be whole. Its records are parts of data,
// their slice is records where there is room.
func decodeFrame(data []byte, records [][]byte) (f frame, err error) {
	f.records = records[:0]
	f.durable = int64(binary.LittleEndian.Uint64(data[8:]))
	f.first = ID(binary.LittleEndian.Uint64(data[16:]))
	d := decoder{data: data[frameHead:]}
	switch d.byte() {
	case kindBatch:
		count := d.uvarint()
		for range count {
			if d.failed {
				break
			}
			f.records = append(f.records, d.bytes())
		}
		f.acks = d.ranges()
	case kindFollowed:
		f.followed = d.uvarint()
	case kindPadding:
		f.padding = true
		d.failed = len(bytes.TrimLeft(d.data, "\x00")) > 0
		d.data = nil
	default:
		d.failed = true
	}
	if d.failed || len(d.data) != 0 {
		return frame{}, errContent
	}
	return f, nil
}

// appendRanges appends a count, and for each range the gap before it and its length.
func appendRanges(dst []byte, ranges []idRange) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(ranges)))
	end := uint64(0)
	for _, r := range ranges {
		dst = binary.AppendUvarint(dst, r.from-end)
		dst = binary.AppendUvarint(dst, r.count)
		end = r.from + r.count
	}
	return dst
}

// decoder reads a body. Once failed, it gives zeros.
type decoder struct {
	data   []byte
	failed bool
}

func (d *decoder) byte() byte {
	if len(d.data) == 0 {
		d.failed = true
		return 0
	}
	b := d.data[0]
	d.data = d.data[1:]
	return b
}

func (d *decoder) uint32() uint32 {
	if len(d.data) < 4 {
		d.failed = true
		return 0
	}
	v := binary.LittleEndian.Uint32(d.data)
	d.data = d.data[4:]
	return v
}

func (d *decoder) uvarint() uint64 {
	// Those of one and of two bytes, as most are, without a call.
	if !d.failed && len(d.data) > 1 {
		first, second := d.data[0], d.data[1]
		if first < 0x80 {
			d.data = d.data[1:]
			return uint64(first)
		}
		if second < 0x80 {
			d.data = d.data[2:]
			return uint64(first&0x7f) | uint64(second)<<7
		}
	}
	v, n := binary.Uvarint(d.data)
	if n <= 0 || d.failed {
		d.failed = true
		return 0
	}
	d.data = d.data[n:]
	return v
}

func (d *decoder) bytes() []byte {
	size := d.uvarint()
	if d.failed || size > uint64(len(d.data)) {
		d.failed = true
		return nil
	}
	b := d.data[:size:size]
	d.data = d.data[size:]
	return b
}

func (d *decoder) ranges() []idRange {
	count := d.uvarint()
	var ranges []idRange
	end := uint64(0)
	for range count {
		r := idRange{from: end + d.uvarint(), count: d.uvarint()}
		if d.failed || r.from < end || r.from+r.count < r.from {
			d.failed = true
			return nil
		}
		end = r.from + r.count
		ranges = append(ranges, r)
	}
	return ranges
}
