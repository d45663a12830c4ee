package volleyhandler

import (
	"encoding/json"
	"fmt"
)

// Message is an incoming message. It may be read from any goroutine, and must not be changed.
type Message struct {
	ID      string // the engine's id for the message in the protocol, not the store's
	Attempt int    // 1 for the first

	Key     []byte // nil: none
	Headers Headers

	// Body is the unchanged JSON value if the serializer of the queue is json or msgpack; otherwise nil.
	Body json.RawMessage
	// Data is the body as bytes, if the serializer is none; otherwise nil.
	Data []byte
	// Tombstone: the message has no body.
	Tombstone bool

	Source Source

	call, chain uint64
}

// Source is the origin of a message. Members that the store does not provide are nil or "".
type Source struct {
	Queue       string          `json:"queue"`
	ID          string          `json:"id"`
	IDBase64    []byte          `json:"id_base64"`
	Partition   *int            `json:"partition"`
	Offset      *int64          `json:"offset"`
	TimestampMS *int64          `json:"timestamp_ms"`
	Deliveries  *int            `json:"deliveries"`
	Raw         json.RawMessage `json:"-"` // the unchanged text
}

// Content is the body for Outputs.Send to forward unchanged: Body, Data, or nil for a tombstone.
func (m *Message) Content() any {
	switch {
	case m.Tombstone:
		return nil
	case m.Body != nil:
		return m.Body
	default:
		return m.Data
	}
}

// Decode reads the JSON body into a value. The error is a Fail: another attempt would get the same body.
func (m *Message) Decode(into any) error {
	if err := json.Unmarshal(m.Body, into); err != nil {
		return Fail("the body cannot be read: " + err.Error())
	}
	return nil
}

// Header is a name with one of its values. Both may be any bytes; a nil Value is absent.
type Header struct {
	Name  string
	Value []byte
}

// Headers are in their original order. A name may occur more than once.
type Headers []Header

// Get returns the first value of a name, or "".
func (h Headers) Get(name string) string {
	for _, one := range h {
		if one.Name == name {
			return string(one.Value)
		}
	}
	return ""
}

type request struct {
	ID        string          `json:"id"`
	Call      uint64          `json:"call"`
	Chain     uint64          `json:"chain"`
	Attempt   int             `json:"attempt"`
	Key       *string         `json:"key"`
	KeyBase64 []byte          `json:"key_base64"`
	Headers   headersJSON     `json:"headers"`
	Source    json.RawMessage `json:"source"`
	Body      json.RawMessage `json:"body"`
	Text      *string         `json:"text"`
	Base64    []byte          `json:"base64"`
	Tombstone bool            `json:"tombstone"`
	Cancelled string          `json:"cancelled"` // the id of a message; the line has nothing else
}

func (r *request) message() (*Message, error) {
	if r.ID == "" {
		return nil, fmt.Errorf("a request has no id")
	}
	m := &Message{ID: r.ID, Attempt: r.Attempt, Headers: Headers(r.Headers), Tombstone: r.Tombstone, call: r.Call, chain: r.Chain}
	switch {
	case r.Key != nil:
		m.Key = []byte(*r.Key)
	case r.KeyBase64 != nil:
		m.Key = r.KeyBase64
	}
	switch {
	case r.Tombstone:
	case r.Text != nil:
		m.Data = []byte(*r.Text)
	case r.Base64 != nil:
		m.Data = r.Base64
	default:
		m.Body = r.Body
	}
	if r.Source != nil {
		if err := json.Unmarshal(r.Source, &m.Source); err != nil {
			return nil, fmt.Errorf("the source of message %s: %w", r.ID, err)
		}
		m.Source.Raw = r.Source
	}
	return m, nil
}
