package volleyhandler

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// headersJSON reads the protocol's headers: an object in which a repeated name has a list, or a list of pairs.
type headersJSON Headers

func (h *headersJSON) UnmarshalJSON(data []byte) error {
	*h = nil
	switch {
	case bytes.Equal(data, []byte("null")):
		return nil
	case len(data) > 0 && data[0] == '[':
		return h.readPairs(data)
	default:
		return h.readObject(data)
	}
}

func (h *headersJSON) readPairs(data []byte) error {
	var pairs [][]json.RawMessage
	if err := json.Unmarshal(data, &pairs); err != nil {
		return err
	}
	for _, pair := range pairs {
		if len(pair) != 2 {
			return fmt.Errorf("a header is not a pair of name and value")
		}
		name, err := headerText(pair[0])
		if err != nil {
			return err
		}
		value, err := headerText(pair[1])
		if err != nil {
			return err
		}
		*h = append(*h, Header{string(name), value})
	}
	return nil
}

// A map would lose the order.
func (h *headersJSON) readObject(data []byte) error {
	in := json.NewDecoder(bytes.NewReader(data))
	if _, err := in.Token(); err != nil {
		return err
	}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if err := in.Decode(&raw); err != nil {
			return err
		}
		values := []json.RawMessage{raw}
		if raw[0] == '[' {
			if err := json.Unmarshal(raw, &values); err != nil {
				return err
			}
		}
		for _, one := range values {
			value, err := headerText(one)
			if err != nil {
				return err
			}
			*h = append(*h, Header{name.(string), value})
		}
	}
	return nil
}

// headerText reads a text, {"base64":"…"}, or null, which is nil.
func headerText(data json.RawMessage) ([]byte, error) {
	switch {
	case bytes.Equal(data, []byte("null")):
		return nil, nil
	case data[0] == '{':
		var binary struct {
			Base64 []byte `json:"base64"`
		}
		err := json.Unmarshal(data, &binary)
		return binary.Base64, err
	default:
		var text string
		err := json.Unmarshal(data, &text)
		return []byte(text), err
	}
}
