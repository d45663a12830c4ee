// A connector and a handler in Go: the lines of a file are messages, messages become lines at the end of a file, and the
// handler sends each on in capital letters. A consumer that is started again reads the file from its beginning.
package main

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strconv"

	"volleyplugin"
)

func pathOf(c volleyplugin.Context) string { return filepath.Join(c.BaseDir, c.Value) }

type reader struct {
	path  string
	lines *bufio.Scanner
	count int
	open  map[string][]byte
	again []*volleyplugin.QueueMessage
}

func newReader(c volleyplugin.Context) *reader {
	return &reader{path: pathOf(c), open: map[string][]byte{}}
}

func (r *reader) Open() error {
	file, err := os.Open(r.path)
	r.lines = bufio.NewScanner(file)
	r.lines.Buffer(nil, 64<<20) // the longest line
	return err
}

func (r *reader) Consume() (*volleyplugin.QueueMessage, error) {
	var message *volleyplugin.QueueMessage
	if len(r.again) > 0 {
		message, r.again = r.again[0], r.again[1:]
	} else if !r.lines.Scan() {
		return nil, r.lines.Err() // at the end: nothing there now
	} else {
		r.count++
		message = &volleyplugin.QueueMessage{Context: strconv.Itoa(r.count), Body: []byte(r.lines.Text())}
	}
	r.open[message.Context] = message.Body
	return message, nil
}

func (r *reader) Delete(context string) (bool, error) {
	_, ours := r.open[context]
	delete(r.open, context)
	return ours, nil
}

func (r *reader) OnFail(context string, _ volleyplugin.Failure) (bool, error) {
	body, ours := r.open[context]
	if ours {
		r.again = append(r.again, &volleyplugin.QueueMessage{Context: context, Body: body})
	}
	delete(r.open, context)
	return ours, nil
}

type writer struct {
	path string
	file *os.File
}

func (w *writer) Open() (err error) {
	w.file, err = os.OpenFile(w.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	return err
}

func (w *writer) Produce(record *volleyplugin.Record) error {
	_, err := w.file.Write(append(record.Body, '\n'))
	return err
}

func upper(message *volleyplugin.Message, out *volleyplugin.Outputs) error {
	if message.Body == nil {
		return volleyplugin.Permanent("a message without a body")
	}
	return out.Send("", bytes.ToUpper(message.Body))
}

const noKeys = `{"additionalProperties": false}`

func init() {
	volleyplugin.Describe(volleyplugin.About{Name: "lines", Version: "1.0.0", Summary: "files as queues", License: "MIT"})
	volleyplugin.AddConsumer(volleyplugin.Class{Name: "Reader", Summary: "the lines of a file", ConfigSchema: noKeys, MaxOpen: 256},
		func(c volleyplugin.Context) (volleyplugin.Consumer, error) { return newReader(c), nil })
	volleyplugin.AddProducer(volleyplugin.Class{Name: "Writer", Summary: "appends lines to a file", ConfigSchema: noKeys},
		func(c volleyplugin.Context) (volleyplugin.Producer, error) { return &writer{path: pathOf(c)}, nil })
	volleyplugin.AddHandler(volleyplugin.Class{Name: "Upper", Summary: "in capital letters", ConfigSchema: noKeys},
		func(volleyplugin.Context) (volleyplugin.Handler, error) { return upper, nil })
}

func main() {}
