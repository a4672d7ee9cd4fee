package main

import (
	"bytes"
	"strconv"
	"time"
)

// Sizes of the lines in bytes, the newline not counted.
const (
	plainSize  = 100
	jsonSize   = 273
	criSize    = len(criTime) + len(criHead) + jsonSize
	dockerSize = len(dockerHead) + jsonSize + jsonQuotes + len(dockerMiddle) + len(criTime) + len(dockerTail)
	jsonQuotes = 2*10 + 2*6 // of ten keys and six strings
)

const (
	podFile    = "pods/shop_purchasing-5d8f9c7b6-x2x7q_0c1f0a52-6a1c-4f0e-8c8e-2f6c1a9d7e31/purchasing/0.log"
	dockerID   = "4f1c0de5a9b83c2767d0e4b95e1a2f3c8d7b6a5948372615f0e1d2c3b4a59687"
	dockerFile = "containers/" + dockerID + "/" + dockerID + "-json.log"

	jsonLogger  = "purchasing.orders.desk"
	jsonMessage = "order placed, 3 items"
	jsonPath    = "/orders/2026/items?page=2&by=id"

	criTime      = "2006-01-02T15:04:05.000000000Z"
	criHead      = " stdout F "
	dockerHead   = `{"log":"`
	dockerMiddle = `\n","stream":"stdout","time":"`
	dockerTail   = `"}`
)

// runtimeDelay is between the time in a line and that which the container's
// runtime writes before it; so it can be seen which of them a record has.
const runtimeDelay = 41_123 * time.Nanosecond

// appendPlain appends line i as text without any layout. As all of these, it ends
// without a newline.
func appendPlain(dst []byte, i int) []byte {
	e := eventOf(i)
	dst = append(dst, "Worker 012 placed the order "...)
	dst = append(dst, e.requestID...)
	dst = append(dst, " of account "...)
	dst = strconv.AppendInt(dst, e.account, 10)
	dst = append(dst, ", job n="...)
	return strconv.AppendInt(dst, e.n, 10)
}

// appendJSON appends line i as a JSON object of ten keys.
func appendJSON(dst []byte, i int) []byte {
	e := eventOf(i)
	dst = append(dst, `{"time":"`...)
	dst = e.time.AppendFormat(dst, timeLayout)
	dst = append(dst, `","level":"`+eventLevel+`","logger":"`+jsonLogger+`","message":"`+jsonMessage+`","request_id":"`...)
	dst = append(dst, e.requestID...)
	dst = append(dst, `","n":`...)
	dst = strconv.AppendInt(dst, e.n, 10)
	dst = append(dst, `,"elapsed":`...)
	dst = append(dst, e.elapsed...)
	dst = append(dst, `,"cached":`...)
	dst = strconv.AppendBool(dst, e.cached)
	dst = append(dst, `,"bytes":`...)
	dst = strconv.AppendInt(dst, e.bytes, 10)
	return append(dst, `,"path":"`+jsonPath+`"}`...)
}

// appendCRI appends line i as containerd writes what a container has written.
func appendCRI(dst []byte, i int) []byte {
	dst = eventOf(i).time.Add(runtimeDelay).AppendFormat(dst, criTime)
	dst = append(dst, criHead...)
	return appendJSON(dst, i)
}

// appendDocker appends line i as Docker's json-file driver writes it.
func appendDocker(dst []byte, i int) []byte {
	dst = append(dst, dockerHead...)
	dst = append(dst, bytes.ReplaceAll(appendJSON(nil, i), []byte(`"`), []byte(`\"`))...)
	dst = append(dst, dockerMiddle...)
	dst = eventOf(i).time.Add(runtimeDelay).AppendFormat(dst, criTime)
	return append(dst, dockerTail...)
}
