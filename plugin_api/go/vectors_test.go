package volleyhandler_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"volleyhandler"
	"volleyhandler/internal/echo"
)

type vector struct {
	Name, Needs, Numbers string
	Lines, Answers       []string
}

type answer struct {
	ID      string
	Retry   any
	Fail    any
	Drop    any
	Skipped bool
	AfterMS json.Number `json:"after_ms"`
	More    bool
	Outputs []map[string]any
}

func read(t *testing.T, line string) answer {
	t.Helper()
	in := json.NewDecoder(strings.NewReader(line))
	in.UseNumber() // keeps the digits
	var a answer
	if err := in.Decode(&a); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	for _, output := range a.Outputs {
		if headers, ok := output["headers"]; ok {
			output["headers"] = byName(headers)
		}
		if text, ok := output["text"].(string); ok {
			output["base64"] = base64.StdEncoding.EncodeToString([]byte(text))
			delete(output, "text")
		}
	}
	return a
}

// byName returns the values of each header.
func byName(headers any) map[string][]any {
	all := map[string][]any{}
	if pairs, ok := headers.([]any); ok {
		for _, pair := range pairs {
			name, _ := json.Marshal(pair.([]any)[0])
			all[string(name)] = append(all[string(name)], pair.([]any)[1])
		}
		return all
	}
	for name, value := range headers.(map[string]any) {
		written, _ := json.Marshal(name)
		if values, ok := value.([]any); ok {
			all[string(written)] = values
		} else {
			all[string(written)] = []any{value}
		}
	}
	return all
}

// answers returns the last line of each message, with the outputs of its partial answers.
func answers(t *testing.T, lines string) map[string]answer {
	t.Helper()
	parts := map[string][]map[string]any{}
	all := map[string]answer{}
	for _, line := range strings.Split(strings.TrimSuffix(lines, "\n"), "\n")[1:] {
		a := read(t, line)
		parts[a.ID] = append(parts[a.ID], a.Outputs...)
		if a.More {
			continue
		}
		if _, twice := all[a.ID]; twice {
			t.Errorf("a second answer: %s", line)
		}
		if a.Retry == nil && a.Fail == nil && a.Drop == nil {
			a.Outputs = parts[a.ID]
		}
		all[a.ID] = a
	}
	return all
}

func TestVectors(t *testing.T) {
	files, _ := filepath.Glob("../protocol/vectors/*.json")
	if len(files) == 0 {
		t.Skip("the vectors of plugin_api/protocol are not there")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v vector
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if v.Needs == "batches" {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			var out bytes.Buffer
			in := strings.NewReader(strings.Join(v.Lines, "\n") + "\n")
			if err := volleyhandler.Serve(in, &out, 4, true, echo.Handle); err != nil {
				t.Fatal(err)
			}
			came := answers(t, out.String())
			for _, line := range v.Answers {
				expected := read(t, line)
				got, ok := came[expected.ID]
				if !ok {
					t.Errorf("no answer like %s", line)
					continue
				}
				if expected.Retry == true { // any reason
					got.Retry = true
				}
				if len(expected.Outputs) == 0 && len(got.Outputs) == 0 {
					got.Outputs = expected.Outputs
				}
				if !reflect.DeepEqual(got, expected) {
					t.Errorf("expected %+v, got %+v", expected, got)
				}
			}
			if len(came) != len(v.Answers) {
				t.Errorf("%d answers instead of %d", len(came), len(v.Answers))
			}
		})
	}
}
