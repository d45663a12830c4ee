package volleyhandler

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// Output is the destination and the options of an output. The zero value means: every output of the component, with the
// key and the headers of the message.
type Output struct {
	Queue     string
	Key       []byte
	Headers   Headers
	Partition *int
	Delay     time.Duration
}

// Outputs are sent when the handler returns nil; none is sent if the handler returns an error. They belong to the
// goroutine of the handler.
type Outputs struct {
	id      string
	pending []byte // outputs in the protocol's form, separated by commas
	err     error  // the first output that cannot be written
	flush   func([]byte)
	splits  bool // the engine accepts partial answers
}

// Send sends to one output queue of the component; "" is all of them.
//
// The body: a json.RawMessage is sent unchanged, digit by digit; a []byte is sent as bytes; nil is a tombstone;
// anything else is encoded as JSON by encoding/json. A value that cannot be encoded fails the message.
func (o *Outputs) Send(queue string, body any) {
	o.SendWith(Output{Queue: queue}, body)
}

// SendWith is Send with a key, headers, a partition or a delay.
func (o *Outputs) SendWith(how Output, body any) {
	line, err := appendBody(nil, body)
	if err != nil {
		if o.err == nil {
			o.err = err
		}
		return
	}
	if how.Queue != "" {
		line = appendString(append(line, `,"queue":`...), []byte(how.Queue))
	}
	if how.Key != nil {
		line = appendBytes(append(line, ','), "key", "key_base64", how.Key)
	}
	if how.Headers != nil {
		line = appendHeaders(append(line, `,"headers":`...), how.Headers)
	}
	if how.Partition != nil {
		line = strconv.AppendInt(append(line, `,"partition":`...), int64(*how.Partition), 10)
	}
	if how.Delay > 0 {
		line = strconv.AppendInt(append(line, `,"delay_ms":`...), int64((how.Delay+time.Millisecond-1)/time.Millisecond), 10)
	}
	if len(o.pending) > 0 {
		o.pending = append(o.pending, ',')
	}
	o.pending = append(append(append(o.pending, '{'), line...), '}')
}

// Flush hands over the outputs so far, so that a message with very many outputs needs little memory. If the handler
// returns an error later, the engine discards them. It has no effect with an engine that does not accept partial
// answers.
func (o *Outputs) Flush() {
	if !o.splits || len(o.pending) == 0 || o.err != nil {
		return
	}
	line := appendString([]byte(`{"id":`), []byte(o.id))
	line = append(append(append(line, `,"outputs":[`...), o.pending...), `],"more":true}`...)
	o.pending = o.pending[:0]
	o.flush(line)
}

func appendBody(line []byte, body any) ([]byte, error) {
	switch body := body.(type) {
	case nil:
		return append(line, `"tombstone":true`...), nil
	case []byte:
		return appendBytes(line, "text", "base64", body), nil
	case json.RawMessage:
		if !json.Valid(body) {
			return nil, Fail("a body is not valid JSON")
		}
		return append(append(line, `"body":`...), onOneLine(body)...), nil
	default:
		var written bytes.Buffer
		encoder := json.NewEncoder(&written)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(body); err != nil {
			return nil, Fail("a body cannot be written as JSON: " + err.Error())
		}
		return append(append(line, `"body":`...), bytes.TrimSuffix(written.Bytes(), []byte("\n"))...), nil
	}
}

// In valid JSON a line break is white space between tokens.
func onOneLine(body []byte) []byte {
	if bytes.IndexAny(body, "\r\n") < 0 {
		return body
	}
	return bytes.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, body)
}

func appendBytes(line []byte, text, binary string, value []byte) []byte {
	if utf8.Valid(value) {
		return appendString(append(append(append(line, '"'), text...), `":`...), value)
	}
	line = append(append(append(line, '"'), binary...), `":"`...)
	return append(append(line, base64.StdEncoding.EncodeToString(value)...), '"')
}

// appendHeaders writes a list of pairs, which can represent all headers and keeps the order.
func appendHeaders(line []byte, headers Headers) []byte {
	line = append(line, '[')
	for i, header := range headers {
		if i > 0 {
			line = append(line, ',')
		}
		line = appendHeaderText(append(line, '['), []byte(header.Name))
		line = append(line, ',')
		if header.Value == nil {
			line = append(line, "null"...)
		} else {
			line = appendHeaderText(line, header.Value)
		}
		line = append(line, ']')
	}
	return append(line, ']')
}

func appendHeaderText(line, value []byte) []byte {
	if utf8.Valid(value) {
		return appendString(line, value)
	}
	line = append(line, `{"base64":"`...)
	return append(append(line, base64.StdEncoding.EncodeToString(value)...), `"}`...)
}

// appendString writes a JSON string; invalid UTF-8 becomes U+FFFD.
func appendString(line, text []byte) []byte {
	written, _ := json.Marshal(string(text)) // encoding a string never fails
	return append(line, written...)
}
