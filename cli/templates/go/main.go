// ship is the program that volleyd starts. It reads one JSON line for each message and answers with one JSON line.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// Fail means that the message can never succeed: it becomes a dead letter.
type Fail struct{ Why string }

func (f Fail) Error() string { return f.Why }

// Drop means that the message is not wanted: it is acked without outputs, and counted.
type Drop struct{ Why string }

func (d Drop) Error() string { return d.Why }

type request struct {
	ID        string          `json:"id"`
	Body      json.RawMessage `json:"body"`
	Tombstone bool            `json:"tombstone"`
}

type output struct {
	Queue string `json:"queue"`
	Body  any    `json:"body"`
}

type response struct {
	ID      string   `json:"id"`
	Outputs []output `json:"outputs,omitempty"`
	Retry   string   `json:"retry,omitempty"`
	Fail    string   `json:"fail,omitempty"`
	Drop    string   `json:"drop,omitempty"`
}

func answer(r request) response {
	if r.Tombstone {
		return response{ID: r.ID, Fail: "an order without a body"}
	}
	var order Order
	if err := json.Unmarshal(r.Body, &order); err != nil {
		return response{ID: r.ID, Fail: err.Error()}
	}
	shipment, err := handle(order)
	var fail Fail
	var drop Drop
	switch {
	case err == nil:
		return response{ID: r.ID, Outputs: []output{{"shipments", shipment}}}
	case errors.As(err, &fail):
		return response{ID: r.ID, Fail: err.Error()}
	case errors.As(err, &drop):
		return response{ID: r.ID, Drop: err.Error()}
	default:
		return response{ID: r.ID, Retry: err.Error()}
	}
}

// Standard output belongs to the protocol. What is written to standard error goes to Volley's log.
func main() {
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	out := json.NewEncoder(os.Stdout)
	for in.More() { // until Volley closes its end
		var r request
		if err := in.Decode(&r); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := out.Encode(answer(r)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
