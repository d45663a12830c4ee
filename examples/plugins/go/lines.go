// A connector and a handler in Go: the lines of a file are messages, messages become lines at the end of a file, and the
// handler sends each on in capital letters. A consumer that is started again reads the file from its beginning.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"volleyplugin"
)

type reader struct {
	path  string
	file  *bufio.Reader
	count int
	open  map[string][]byte
	again []*volleyplugin.QueueMessage
}

func (r *reader) Open() error {
	file, err := os.Open(r.path)
	r.file = bufio.NewReader(file)
	return err
}

func (r *reader) Consume() (*volleyplugin.QueueMessage, error) {
	var message *volleyplugin.QueueMessage
	if len(r.again) > 0 {
		message, r.again = r.again[0], r.again[1:]
	} else {
		line, err := r.file.ReadBytes('\n')
		if len(line) == 0 {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return nil, err
		}
		r.count++
		message = &volleyplugin.QueueMessage{Context: strconv.Itoa(r.count), Body: bytes.TrimSuffix(line, []byte("\n"))}
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

func init() {
	volleyplugin.Describe("lines", "1.0.0")
	volleyplugin.AddConsumer("Reader", 0, 256, func(c volleyplugin.Context) (volleyplugin.Consumer, error) {
		return &reader{path: filepath.Join(c.BaseDir, c.Value), open: map[string][]byte{}}, nil
	})
	volleyplugin.AddProducer("Writer", 0, func(c volleyplugin.Context) (volleyplugin.Producer, error) {
		return &writer{path: filepath.Join(c.BaseDir, c.Value)}, nil
	})
	volleyplugin.AddHandler("Upper", func(volleyplugin.Context) (volleyplugin.Handler, error) { return upper, nil })
}

func main() {}
