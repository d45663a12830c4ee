package volleyhandler

import (
	"errors"
	"strconv"
	"time"
)

// outcome is an error that decides the outcome of a message.
type outcome struct {
	kind  string // a field of the protocol
	why   string
	after time.Duration
}

func (o *outcome) Error() string { return o.why }

// Retry returns an error for a message that fails now and may succeed later. Any other error means the same.
func Retry(why string) error { return &outcome{kind: "retry", why: why} }

// RetryAfter is Retry with a minimum delay.
func RetryAfter(why string, after time.Duration) error {
	return &outcome{kind: "retry", why: why, after: after}
}

// Fail returns an error for a message that fails permanently: it goes to the dead-letter queue.
func Fail(why string) error { return &outcome{kind: "fail", why: why} }

// Drop returns an error for an unwanted message: acked without outputs, and counted.
func Drop(why string) error { return &outcome{kind: "drop", why: why} }

// answer returns the last line for a message, and whether it has failed.
func answer(id string, out *Outputs, err error) (line []byte, failed bool) {
	if err == nil {
		err = out.err
	}
	line = appendString([]byte(`{"id":`), []byte(id))
	if err == nil {
		if len(out.pending) > 0 {
			line = append(append(append(line, `,"outputs":[`...), out.pending...), ']')
		}
		return append(line, '}'), false
	}
	decided := &outcome{kind: "retry"}
	errors.As(err, &decided) // it may be wrapped; the reason is that of the whole error
	line = append(append(append(line, `,"`...), decided.kind...), `":`...)
	if why := err.Error(); why != "" {
		line = appendString(line, []byte(why))
	} else {
		line = append(line, "true"...)
	}
	if decided.after > 0 {
		ms := int64((decided.after + time.Millisecond - 1) / time.Millisecond)
		line = strconv.AppendInt(append(line, `,"after_ms":`...), ms, 10)
	}
	return append(line, '}'), decided.kind != "drop"
}
