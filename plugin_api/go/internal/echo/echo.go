// Package echo is the echo program of plugin_api/protocol/README.md.
package echo

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"volleyhandler"
)

type command struct {
	Do       string `json:"do"`
	Why      string `json:"why"`
	AfterMS  int64  `json:"after_ms"`
	Count    int    `json:"count"`
	MS       int64  `json:"ms"`
	WithinMS int64  `json:"within_ms"`
	Then     string `json:"then"`
}

var (
	mutex   sync.Mutex
	arrived int
	met     = make(chan struct{})
)

// Handle does what the body says, and forwards the message if it says nothing.
func Handle(ctx context.Context, m *volleyhandler.Message, out *volleyhandler.Outputs) error {
	var c command
	if json.Unmarshal(m.Body, &c) != nil {
		c = command{} // not a command
	}
	switch c.Do {
	case "fail":
		return volleyhandler.Fail(c.Why)
	case "retry":
		return volleyhandler.RetryAfter(c.Why, time.Duration(c.AfterMS)*time.Millisecond)
	case "drop":
		return volleyhandler.Drop(c.Why)
	case "throw":
		panic("thrown")
	case "none":
		return nil
	case "copy", "parts":
		return copies(c, out)
	case "print":
		fmt.Print("noise")
	case "sleep":
		time.Sleep(time.Duration(c.MS) * time.Millisecond)
	case "source":
		out.Send("out", m.Source.Raw)
		return nil
	case "meet":
		if !meet(c) {
			return volleyhandler.Fail("alone")
		}
	case "wait":
		select {
		case <-ctx.Done():
			return volleyhandler.Retry("cancelled")
		case <-time.After(time.Duration(c.WithinMS) * time.Millisecond):
		}
	}
	out.SendWith(volleyhandler.Output{Queue: "out", Key: m.Key, Headers: m.Headers}, m.Content())
	return nil
}

func copies(c command, out *volleyhandler.Outputs) error {
	for n := 0; n < c.Count; n++ {
		out.Send("out", n)
		if c.Do == "parts" {
			out.Flush()
		}
	}
	if c.Then == "fail" {
		return volleyhandler.Fail("behind its parts")
	}
	return nil
}

func meet(c command) bool {
	mutex.Lock()
	arrived++
	if arrived == c.Count {
		close(met)
	}
	mutex.Unlock()
	select {
	case <-met:
		return true
	case <-time.After(time.Duration(c.WithinMS) * time.Millisecond):
		return false
	}
}
