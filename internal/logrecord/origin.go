package logrecord

import (
	"time"

	"github.com/heartwood-otel/heartwood/internal/severity"
)

// Origin is what the transport knows of a line; the zero value knows nothing.
// Where the line says something else of itself, the line is believed. A Batch
// keeps no Origin, but see Resource.
type Origin struct {
	// Host is the sender's name: resource attribute host.name.
	Host string
	// App is the program's name: resource attribute service.name, or record
	// attribute syslog.appname where the line names another service.
	App string
	// ProcID is resource attribute process.pid when it is a process id, otherwise
	// record attribute syslog.procid (a Heroku dyno, web.1).
	ProcID string
	// MsgID is record attribute syslog.msg.id.
	MsgID string

	// Severity is for lines that tell none; so is SeverityText, the sender's own
	// word.
	Severity     severity.Number
	SeverityText string

	// Time is for lines that tell none; zero is unknown. TimeGuess says that its
	// zone or year is not the sender's word.
	Time      time.Time
	TimeGuess bool

	// Resource holds further resource attributes (drain token, peer). One map may
	// serve many lines; it must not change until the batch it was given to is
	// taken.
	Resource map[string]string

	// UID becomes log.record.uid where the line brings none; "" lets the batch make
	// a UUIDv7.
	UID string

	// UIDPrefix, where UID is "", makes it: the prefix and UIDNumber, in decimal. That
	// costs less than a string made before.
	UIDPrefix string
	UIDNumber int64

	// Piece is set when the line is one piece of a longer one. Pieces are not
	// parsed.
	Piece Piece

	// Attributes are further attributes of the record, such as log.iostream. Their
	// names are distinct, and none of those that a batch sets by itself.
	Attributes []Attribute

	// Original is the line as it came, where that is more than the line that is
	// added, such as the header before it. Settings.KeepOriginal keeps it in place
	// of the line.
	Original string

	// Problem says what was wrong with the line before it came here, such as that
	// its end is missing. Such a line is not parsed: it is the body, and Problem is
	// its heartwood.parse_error.
	Problem string
}

// Attribute is a record attribute: the string Value, or where IsInt is set Int.
type Attribute struct {
	Key, Value string
	Int        int64
	IsInt      bool
}

// Piece tells where a piece belongs. The zero Piece is a whole line.
type Piece struct {
	// ID is common to the pieces of one line, and not "".
	ID string
	// Index counts the pieces of the line from 0.
	Index int
	// Last is true for the piece that ends the line.
	Last bool
}
