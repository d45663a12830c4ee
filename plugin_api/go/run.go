// Package volleyhandler makes a Go program a handler of Volley.
//
//	func main() {
//		log.Fatal(volleyhandler.Run(func(ctx context.Context, m *volleyhandler.Message, out *volleyhandler.Outputs) error {
//			out.Send("shipments", m.Body)
//			return nil
//		}))
//	}
//
// volleyd starts the program for a component with `handler: {exec: [./ship]}`, and speaks the protocol of
// docs/handler-protocol.md with it over standard input and output. Text that the program prints goes to standard error,
// and thus into Volley's log.
package volleyhandler

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
)

// Handle handles a message. The error decides, see Retry, Fail and Drop; nil means done, and the outputs are sent. ctx
// is cancelled when the result is no longer needed: the lease was lost, or Volley is stopping. Any result is valid
// then.
type Handle func(ctx context.Context, m *Message, out *Outputs) error

var answers = os.Stdout

// Text that init functions and main print also goes to the log.
func init() {
	if _, ok := os.LookupEnv("VOLLEY_COMPONENT"); ok {
		os.Stdout = os.Stderr
	}
}

// Run calls handle for each message until Volley closes standard input, for up to VOLLEY_CONCURRENCY messages at the same
// time. Messages of one chain are handled in order. A panic is a Retry, with its stack on standard error.
//
// It returns nil when standard input has ended and everything is answered. Until then it ignores SIGTERM: a service
// manager also sends it to handlers, which still have messages to answer.
func Run(handle Handle) error {
	os.Stdout = os.Stderr
	signal.Ignore(syscall.SIGTERM)
	concurrency, err := strconv.Atoi(os.Getenv("VOLLEY_CONCURRENCY"))
	if err != nil || concurrency < 1 {
		return serve(os.Stdin, answers, 1, false, handle)
	}
	return serve(os.Stdin, answers, concurrency, true, handle)
}

type task struct {
	message *Message
	ctx     context.Context
	cancel  context.CancelFunc
	chain   *chain // nil: none
}

type server struct {
	handle Handle
	splits bool
	order  *order

	mutex sync.Mutex // of all below
	out   io.Writer
	err   error            // of writing
	tasks map[string]*task // that are not answered
}

// serve is Run without a process. splits: the engine accepts partial answers.
func serve(in io.Reader, out io.Writer, concurrency int, splits bool, handle Handle) error {
	s := &server{handle: handle, splits: splits, order: newOrder(), out: out, tasks: map[string]*task{}}
	s.write([]byte(`{"volley":2,"chains":true,"cancels":true,"source":true}`))
	var workers sync.WaitGroup
	for i := 0; i < concurrency; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			s.work()
		}()
	}
	err := s.read(in)
	s.order.end()
	workers.Wait()
	if err != nil {
		return err
	}
	return s.err
}

func (s *server) read(in io.Reader) error {
	reader := bufio.NewReaderSize(in, 64<<10)
	for {
		line, err := reader.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 && err == nil {
			if wrong := s.take(line); wrong != nil {
				return wrong
			}
		}
		if errors.Is(err, io.EOF) {
			return nil // a line without a line feed was cut off
		}
		if err != nil {
			return err
		}
	}
}

func (s *server) take(line []byte) error {
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return fmt.Errorf("volleyhandler: a request cannot be read: %w", err)
	}
	if r.Cancelled != "" {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		if t := s.tasks[r.Cancelled]; t != nil {
			t.cancel()
		}
		return nil
	}
	message, err := r.message()
	if err != nil {
		return fmt.Errorf("volleyhandler: %w", err)
	}
	t := &task{message: message}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	s.mutex.Lock()
	s.tasks[message.ID] = t
	s.mutex.Unlock()
	s.order.add(t)
	return nil
}

func (s *server) work() {
	for {
		t, skip := s.order.next()
		if t == nil {
			return
		}
		id := t.message.ID
		line, failed := appendString([]byte(`{"id":`), []byte(id)), true
		if skip {
			line = append(line, `,"skipped":true}`...)
		} else {
			out := &Outputs{id: id, flush: s.write, splits: s.splits}
			line, failed = answer(id, out, s.call(t, out))
		}
		s.mutex.Lock()
		delete(s.tasks, id)
		s.mutex.Unlock()
		t.cancel()
		s.write(line)
		s.order.done(t, failed)
	}
}

func (s *server) call(t *task, out *Outputs) (err error) {
	defer func() {
		if what := recover(); what != nil {
			fmt.Fprintf(os.Stderr, "panic: %v\n%s", what, debug.Stack())
			err = Retry(fmt.Sprintf("panic: %v", what))
		}
	}()
	return s.handle(t.ctx, t.message, out)
}

// write writes a line immediately, so that no message waits for another.
func (s *server) write(line []byte) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.err != nil {
		return
	}
	_, s.err = s.out.Write(append(line, '\n'))
}
