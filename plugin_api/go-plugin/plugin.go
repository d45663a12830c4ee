// Package volleyplugin makes connectors and handlers for Volley in Go: shared objects built with -buildmode=c-shared.
// README.md shows one.
package volleyplugin

// #cgo pkg-config: volley-plugin
// #include <stdlib.h>
// #include "bridge.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// Flags of a class, of volley/plugin.h.
const (
	CanKey     = uint64(1) << 8
	CanHeaders = uint64(1) << 9
	CanDelay   = uint64(1) << 10
	Ordered    = uint64(1) << 13
)

// Error carries a status of the ABI. Any other error, and a panic, is a retry.
type Error struct {
	Status       int32
	Text         string
	RetryAfterMs uint32
}

func (e *Error) Error() string { return e.Text }

// Permanent returns an error for a message that can never succeed.
func Permanent(format string, a ...any) error {
	return &Error{Status: -2, Text: fmt.Sprintf(format, a...)}
}

// Header is one header; a nil Value is absent.
type Header struct{ Name, Value []byte }

// QueueMessage is a message that a consumer returns.
type QueueMessage struct {
	Context       string // the store's name for this delivery, passed to Delete and OnFail
	Body          []byte // nil: a tombstone
	Key           []byte // nil: none
	ID            string // identifies the message permanently; empty: Context is the id
	Headers       []Header
	DeliveryCount uint32 // 0: the store does not count
	TimestampMs   int64  // Unix; 0 unknown
}

// Failure is the reason why a message is put back.
type Failure struct {
	IsRelease bool   // the message did not fail: deliver it again soon, and do not count this delivery
	DelayMs   uint64 // the minimum delay; only with CanDelay
	Attempts  uint32
	Text      string
}

// Consumer receives one message at a time. One goroutine at a time uses it. It may also implement Opener, Rejecter and
// Closer.
type Consumer interface {
	// Consume returns the next message, or nil if there is none now. It must not wait.
	Consume() (*QueueMessage, error)
	// Delete deletes a finished message. It returns false if the message no longer belongs to this consumer.
	Delete(context string) (bool, error)
	// OnFail puts back a message that failed or is released, for redelivery.
	OnFail(context string, failure Failure) (bool, error)
}

// Producer stores one message at a time, durably when Produce returns.
type Producer interface {
	Produce(record *Record) error
}

// Opener connects. Open is called again after an error.
type Opener interface{ Open() error }

// Closer is called at the end.
type Closer interface{ Close() error }

// Rejecter gets messages that failed permanently, instead of Delete.
type Rejecter interface {
	Reject(context string, failure Failure) (bool, error)
}

// Handler handles a message. A nil error sends the outputs; an Error has a status, any other error is a retry.
type Handler func(message *Message, out *Outputs) error

// Record is a message to store.
type Record struct {
	Body        []byte // nil: a tombstone
	Key         []byte // nil: none
	ID          string // stable across retries
	Headers     []Header
	DelayMs     uint64
	TimestampMs int64 // 0: now
}

// Message is an incoming message.
type Message struct {
	Body    []byte // nil: a tombstone
	Key     []byte // nil: none
	ID      string
	Headers []Header
	Attempt uint32 // 1: the first
}

// Outputs collects the outputs of a handler. They are sent only if the handler returns nil.
type Outputs struct {
	jobs *C.volley_jobs
	job  *C.volley_job
}

// Send sends to one of the component's outputs; an empty queue: to all of them.
func (o *Outputs) Send(queue string, body []byte) error {
	var to unsafe.Pointer
	if queue != "" {
		to = unsafe.Pointer(unsafe.StringData(queue))
	}
	switch C.bridge_emit(o.jobs, o.job, to, C.size_t(len(queue)), present(body), C.size_t(len(body))) {
	case C.VOLLEY_OK:
		return nil
	case C.VOLLEY_E_RETRY:
		return &Error{Status: C.VOLLEY_E_RETRY, Text: "out of memory"}
	}
	return Permanent("the component has no output %q", queue)
}

// Cancelled reports whether the result is no longer needed.
func (o *Outputs) Cancelled() bool { return C.bridge_cancelled(o.jobs, o.job) != 0 }

// Context is the configuration of an instance.
type Context struct {
	host                  *C.volley_host
	Queue, Value, BaseDir string
}

// Config returns a value of `config:` by its key or JSON pointer; false: it is absent.
func (c Context) Config(key string) (string, bool) {
	name := C.CString(key)
	defer C.free(unsafe.Pointer(name))
	var value C.volley_view
	if C.bridge_config(c.host, name, &value) == 0 {
		return "", false
	}
	return text(value), true
}

// Warn writes to Volley's log.
func (c Context) Warn(message string) {
	data := []byte(message)
	C.bridge_log(c.host, C.VOLLEY_WARNING, present(data), C.size_t(len(data)))
}

// Class describes a class.
type Class struct {
	Name         string
	Summary      string // one line, for `volley plugins`
	ConfigSchema string // JSON Schema (draft-07) of `config:`; empty: anything
	Flags        uint64
	MaxOpen      int // consumers: how many messages may be open at once; 1
}

// About describes the plugin.
type About struct{ Name, Version, Summary, License string }

type class[T any] struct {
	Class
	create func(Context) (T, error)
}

var (
	about     About
	consumers []class[Consumer]
	producers []class[Producer]
	handlers  []class[Handler]
)

// Describe names the plugin. Call it and the Add functions from init.
func Describe(plugin About) { about = plugin }

// AddConsumer adds a class. create does no I/O, and runs twice.
func AddConsumer(c Class, create func(Context) (Consumer, error)) {
	consumers = append(consumers, class[Consumer]{c, create})
}

// AddProducer adds a class, as AddConsumer does.
func AddProducer(c Class, create func(Context) (Producer, error)) {
	producers = append(producers, class[Producer]{c, create})
}

// AddHandler adds a class. Each worker has its own instance.
func AddHandler(c Class, create func(Context) (Handler, error)) {
	handlers = append(handlers, class[Handler]{c, create})
}
