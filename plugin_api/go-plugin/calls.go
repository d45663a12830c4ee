package volleyplugin

// #include <stdlib.h>
// #include "bridge.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime/cgo"
	"strconv"
	"time"
	"unsafe"
)

var empty = [1]byte{}

// A pointer to the bytes, which is never nil: an empty value is present.
func present(data []byte) unsafe.Pointer {
	if len(data) == 0 {
		return unsafe.Pointer(&empty[0])
	}
	return unsafe.Pointer(&data[0])
}

func text(v C.volley_view) string { return string(bytes(v)) }

func bytes(v C.volley_view) []byte {
	if v.data == nil {
		return nil
	}
	return append(make([]byte, 0, v.size), unsafe.Slice((*byte)(v.data), v.size)...)
}

func headers(first *C.volley_header, count C.uint32_t) []Header {
	var out []Header
	for _, h := range unsafe.Slice(first, count) {
		out = append(out, Header{bytes(h.name), bytes(h.value)})
	}
	return out
}

// Status and text of an error.
func statusOf(err error) (C.int32_t, string, uint32) {
	var own *Error
	if errors.As(err, &own) {
		return C.int32_t(own.Status), own.Text, own.RetryAfterMs
	}
	return C.VOLLEY_E_RETRY, err.Error(), 0
}

// Runs a call of the plugin, and recovers panics.
func caught(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return call()
}

func guarded(out *C.volley_error, call func() error) C.int32_t {
	err := caught(call)
	if err == nil {
		return C.VOLLEY_OK
	}
	status, why, after := statusOf(err)
	if out != nil {
		out.retry_after_ms = C.uint32_t(after)
	}
	reason := C.CString(why)
	defer C.free(unsafe.Pointer(reason))
	return C.volley_fail(out, status, reason)
}

func contextOf(host *C.volley_host, o *C.volley_options) Context {
	return Context{host: host, Queue: text(o.queue), Value: text(o.value), BaseDir: text(o.base_dir)}
}

func open(instance any) error {
	if opener, ok := instance.(Opener); ok {
		return opener.Open()
	}
	return nil
}

func closeOf(instance any) error {
	if closer, ok := instance.(Closer); ok {
		return closer.Close()
	}
	return nil
}

// Lives as long as the process.
func optionalText(s string) *C.char {
	if s == "" {
		return nil
	}
	return C.CString(s)
}

func add(kind C.uint32_t, index int, c Class) {
	C.bridge_add(kind, C.uint32_t(index), C.CString(c.Name), C.uint64_t(c.Flags), optionalText(c.Summary), optionalText(c.ConfigSchema))
}

//export volleyDescribe
func volleyDescribe(out *C.volley_error) C.int32_t {
	return guarded(out, func() error {
		if about.Name == "" || about.Version == "" {
			return errors.New("the plugin calls no volleyplugin.Describe with a name and a version in its init function")
		}
		if max(len(consumers), len(producers), len(handlers)) > C.bridge_most_classes {
			return errors.New("a plugin has at most " + strconv.Itoa(C.bridge_most_classes) + " classes of a kind")
		}
		C.bridge_describe(C.CString(about.Name), C.CString(about.Version), optionalText(about.Summary), optionalText(about.License))
		for i, c := range consumers {
			add(C.VOLLEY_KIND_CONSUMER, i, c.Class)
		}
		for i, c := range producers {
			add(C.VOLLEY_KIND_PRODUCER, i, c.Class)
		}
		for i, c := range handlers {
			add(C.VOLLEY_KIND_HANDLER, i, c.Class)
		}
		return nil
	})
}

// An open message, and the C memory behind its views.
type delivery struct {
	context string
	memory  []unsafe.Pointer
}

func (d *delivery) view(data []byte) C.volley_view {
	memory := C.malloc(C.size_t(len(data) + 1))
	d.memory = append(d.memory, memory)
	copy(unsafe.Slice((*byte)(memory), len(data)), data)
	return C.volley_view{data: memory, size: C.size_t(len(data))}
}

func (d *delivery) optional(data []byte) C.volley_view {
	if data == nil {
		return C.volley_view{}
	}
	return d.view(data)
}

func (d *delivery) fill(m *C.volley_message, from *QueueMessage) {
	m.body = d.optional(from.Body)
	m.key = d.optional(from.Key)
	id := from.ID
	if id == "" {
		id = from.Context
	}
	m.id = d.view([]byte(id))
	m.delivery_count = C.uint32_t(from.DeliveryCount)
	m.timestamp_ms = C.int64_t(from.TimestampMs)
	if len(from.Headers) == 0 {
		return
	}
	memory := C.malloc(C.size_t(len(from.Headers)) * C.sizeof_volley_header)
	d.memory = append(d.memory, memory)
	m.headers, m.header_count = (*C.volley_header)(memory), C.uint32_t(len(from.Headers))
	for i, h := range from.Headers {
		unsafe.Slice(m.headers, len(from.Headers))[i] = C.volley_header{name: d.view(h.Name), value: d.optional(h.Value)}
	}
}

func (d *delivery) free() {
	for _, memory := range d.memory {
		C.free(memory)
	}
}

type consumerInstance struct {
	consumer Consumer
	context  Context
	maxOpen  int
	open     map[uint64]*delivery
	last     uint64
	failed   error // returned after the messages before it are delivered
}

func consumerOf(h C.uintptr_t) *consumerInstance { return cgo.Handle(h).Value().(*consumerInstance) }

//export volleyCreateConsumer
func volleyCreateConsumer(n C.uint32_t, host *C.volley_host, o *C.volley_options, out *unsafe.Pointer, e *C.volley_error) C.int32_t {
	return guarded(e, func() error {
		context := contextOf(host, o)
		made, err := consumers[n].create(context)
		if err != nil {
			return err
		}
		i := &consumerInstance{consumer: made, context: context, maxOpen: max(consumers[n].MaxOpen, 1), open: map[uint64]*delivery{}}
		*(*C.uintptr_t)(unsafe.Pointer(out)) = C.uintptr_t(cgo.NewHandle(i))
		return nil
	})
}

//export volleyConsumerOpen
func volleyConsumerOpen(h C.uintptr_t, e *C.volley_error) C.int32_t {
	return guarded(e, func() error { return open(consumerOf(h).consumer) })
}

//export volleyConsumerClose
func volleyConsumerClose(h C.uintptr_t, e *C.volley_error) C.int32_t {
	return guarded(e, func() error { return closeOf(consumerOf(h).consumer) })
}

//export volleyConsume
func volleyConsume(h C.uintptr_t, batch *C.volley_batch, timeoutMs C.uint32_t, e *C.volley_error) C.int32_t {
	return guarded(e, func() error {
		i := consumerOf(h)
		err := i.failed
		i.failed = nil
		for err == nil && batch.count < batch.capacity && len(i.open) < i.maxOpen {
			var message *QueueMessage
			err = caught(func() (failure error) {
				message, failure = i.consumer.Consume()
				return failure
			})
			if err != nil || message == nil {
				break
			}
			i.last++
			d := &delivery{context: message.Context}
			m := C.bridge_message(batch)
			m.handle = C.uint64_t(i.last)
			d.fill(m, message)
			i.open[i.last] = d
			batch.count++
		}
		if batch.count > 0 { // an error returns no messages: earlier ones are delivered first
			i.failed = err
			return nil
		}
		if err == nil { // nothing interrupts this wait
			time.Sleep(time.Duration(min(timeoutMs, 20)) * time.Millisecond)
		}
		return err
	})
}

//export volleySettle
func volleySettle(h C.uintptr_t, all *C.volley_settlement, count, stride C.uint32_t, e *C.volley_error) C.int32_t {
	return guarded(e, func() error {
		i := consumerOf(h)
		for n := C.uint32_t(0); n < count; n++ {
			i.settle(C.bridge_settlement(all, stride, n))
		}
		return nil
	})
}

func (i *consumerInstance) settle(s *C.volley_settlement) {
	d := i.open[uint64(s.handle)]
	if d == nil {
		s.result = C.VOLLEY_E_LOST
		return
	}
	failure := Failure{IsRelease: s.outcome == C.VOLLEY_RELEASE, DelayMs: uint64(s.delay_ms), Attempts: uint32(s.attempts), Text: text(s.text)}
	ours := false
	err := caught(func() (failed error) {
		rejecter, rejects := i.consumer.(Rejecter)
		switch {
		case s.outcome != C.VOLLEY_ACK:
			ours, failed = i.consumer.OnFail(d.context, failure)
		case rejects && s.reason != 0:
			ours, failed = rejecter.Reject(d.context, failure)
		default:
			ours, failed = i.consumer.Delete(d.context)
		}
		return failed
	})
	switch {
	case err != nil:
		var why string
		s.result, why, _ = statusOf(err)
		i.context.Warn(why)
	case ours:
		s.result = C.VOLLEY_OK
	default:
		s.result = C.VOLLEY_E_LOST
	}
	if s.result != C.VOLLEY_E_RETRY {
		d.free()
		delete(i.open, uint64(s.handle))
	}
}

//export volleyConsumerDestroy
func volleyConsumerDestroy(h C.uintptr_t) {
	for _, d := range consumerOf(h).open {
		d.free()
	}
	cgo.Handle(h).Delete()
}

//export volleyDestroy
func volleyDestroy(h C.uintptr_t) { cgo.Handle(h).Delete() }

type producerInstance struct {
	producer      Producer
	report        C.volley_report_fn
	reportContext unsafe.Pointer
}

func producerOf(h C.uintptr_t) *producerInstance { return cgo.Handle(h).Value().(*producerInstance) }

//export volleyCreateProducer
func volleyCreateProducer(n C.uint32_t, host *C.volley_host, o *C.volley_options, report C.volley_report_fn, reportContext unsafe.Pointer, out *unsafe.Pointer, e *C.volley_error) C.int32_t {
	return guarded(e, func() error {
		made, err := producers[n].create(contextOf(host, o))
		if err != nil {
			return err
		}
		*(*C.uintptr_t)(unsafe.Pointer(out)) = C.uintptr_t(cgo.NewHandle(&producerInstance{made, report, reportContext}))
		return nil
	})
}

//export volleyProducerOpen
func volleyProducerOpen(h C.uintptr_t, e *C.volley_error) C.int32_t {
	return guarded(e, func() error { return open(producerOf(h).producer) })
}

//export volleyProducerClose
func volleyProducerClose(h C.uintptr_t, e *C.volley_error) C.int32_t {
	return guarded(e, func() error { return closeOf(producerOf(h).producer) })
}

//export volleyProduce
func volleyProduce(h C.uintptr_t, all *C.volley_record, count, stride C.uint32_t, accepted *C.uint32_t, e *C.volley_error) C.int32_t {
	return guarded(e, func() error {
		i := producerOf(h)
		for ; *accepted < count; *accepted++ {
			r := C.bridge_record(all, stride, *accepted)
			record := Record{bytes(r.body), bytes(r.key), text(r.id), headers(r.headers, r.header_count), uint64(r.delay_ms), int64(r.timestamp_ms)}
			status, why := C.int32_t(C.VOLLEY_OK), ""
			if err := caught(func() error { return i.producer.Produce(&record) }); err != nil {
				if status, why, _ = statusOf(err); status == C.VOLLEY_E_RETRY {
					return err // not accepted, so that no other overtakes it
				}
			}
			reason := []byte(why)
			C.bridge_report(i.report, i.reportContext, r.token, status, present(reason), C.size_t(len(reason)))
		}
		return nil
	})
}

type handlerInstance struct {
	handler Handler
	jobs    *C.volley_jobs
}

//export volleyCreateHandler
func volleyCreateHandler(n C.uint32_t, host *C.volley_host, o *C.volley_options, jobs *C.volley_jobs, out *unsafe.Pointer, e *C.volley_error) C.int32_t {
	return guarded(e, func() error {
		made, err := handlers[n].create(contextOf(host, o))
		if err != nil {
			return err
		}
		*(*C.uintptr_t)(unsafe.Pointer(out)) = C.uintptr_t(cgo.NewHandle(&handlerInstance{made, jobs}))
		return nil
	})
}

// Without VOLLEY_KEEPS_GROUPS no two tasks of a call are of one ordering group.
//
//export volleyHandle
func volleyHandle(h C.uintptr_t, tasks *C.volley_task, count, stride C.uint32_t, e *C.volley_error) C.int32_t {
	return guarded(e, func() error {
		i := cgo.Handle(h).Value().(*handlerInstance)
		for n := C.uint32_t(0); n < count; n++ {
			t := C.bridge_task(tasks, stride, n)
			m := t.message
			message := Message{bytes(m.body), bytes(m.key), text(m.id), headers(m.headers, m.header_count), uint32(t.attempt)}
			t.status = C.VOLLEY_OK
			err := caught(func() error { return i.handler(&message, &Outputs{i.jobs, t.job}) })
			if err != nil {
				status, why, after := statusOf(err)
				reason := []byte(why)
				t.status, t.retry_after_ms = status, C.uint64_t(after)
				C.bridge_explain(i.jobs, t.job, present(reason), C.size_t(len(reason)))
			}
		}
		return nil
	})
}
