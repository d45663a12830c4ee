package volleyhandler_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"volleyhandler"
)

func answersOf(t *testing.T, concurrency int, splits bool, handle volleyhandler.Handle, lines ...string) []string {
	t.Helper()
	var out bytes.Buffer
	in := strings.NewReader(strings.Join(lines, "\n") + "\n")
	if err := volleyhandler.Serve(in, &out, concurrency, splits, handle); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")[1:]
}

func returns(err error) volleyhandler.Handle {
	return func(context.Context, *volleyhandler.Message, *volleyhandler.Outputs) error { return err }
}

func TestErrorsDecide(t *testing.T) {
	for expected, err := range map[string]error{
		`{"id":"1"}`: nil,
		`{"id":"1","retry":"late","after_ms":1500}`: volleyhandler.RetryAfter("late", 1500*time.Millisecond),
		`{"id":"1","fail":"bad"}`:                   volleyhandler.Fail("bad"),
		`{"id":"1","fail":true}`:                    volleyhandler.Fail(""),
		`{"id":"1","drop":"old"}`:                   volleyhandler.Drop("old"),
		`{"id":"1","retry":"EOF"}`:                  io.EOF,
		`{"id":"1","fail":"order 7: bad"}`:          fmt.Errorf("order 7: %w", volleyhandler.Fail("bad")),
		`{"id":"1","retry":"quote \" and \ufffd"}`:  errors.New("quote \" and \xff"),
	} {
		if got := answersOf(t, 1, true, returns(err), `{"id":"1","body":1}`); got[0] != expected {
			t.Errorf("%v: expected %s, got %s", err, expected, got[0])
		}
	}
}

func TestOutputsThatCannotBeWrittenFailTheMessage(t *testing.T) {
	got := answersOf(t, 1, true, func(_ context.Context, _ *volleyhandler.Message, out *volleyhandler.Outputs) error {
		out.Send("", func() {})
		return nil
	}, `{"id":"1","body":1}`)
	if !strings.HasPrefix(got[0], `{"id":"1","fail":"a body cannot be written as JSON`) {
		t.Error(got[0])
	}
}

func TestWithoutPartialAnswersAllIsInOne(t *testing.T) {
	handle := func(_ context.Context, _ *volleyhandler.Message, out *volleyhandler.Outputs) error {
		out.Send("", 1)
		out.Flush()
		out.Send("", 2)
		return nil
	}
	if got := answersOf(t, 1, false, handle, `{"id":"1","body":1}`); len(got) != 1 || got[0] != `{"id":"1","outputs":[{"body":1},{"body":2}]}` {
		t.Error(got)
	}
	if got := answersOf(t, 1, true, handle, `{"id":"1","body":1}`); len(got) != 2 {
		t.Error(got)
	}
}

func TestAChainKeepsItsOrderWhateverTheConcurrency(t *testing.T) {
	var lines []string
	for n := 0; n < 300; n++ {
		lines = append(lines, fmt.Sprintf(`{"id":"%d","call":%d,"chain":%d,"body":%d}`, n, n/100, n%3+1, n))
	}
	var mutex sync.Mutex
	begun := map[string][]string{}
	atWork := map[string]bool{}
	handle := func(_ context.Context, m *volleyhandler.Message, _ *volleyhandler.Outputs) error {
		var n int
		if err := m.Decode(&n); err != nil {
			return err
		}
		chain := fmt.Sprint(n/100, n%3)
		mutex.Lock()
		if atWork[chain] {
			t.Error("two of a chain at once")
		}
		atWork[chain] = true
		begun[chain] = append(begun[chain], m.ID)
		mutex.Unlock()
		defer func() { mutex.Lock(); atWork[chain] = false; mutex.Unlock() }()
		if n%50 == 49 {
			return volleyhandler.Retry("later")
		}
		return nil
	}
	skipped := 0
	for _, line := range answersOf(t, 8, true, handle, lines...) {
		if strings.Contains(line, "skipped") {
			skipped++
		}
	}
	handled := 0
	for chain, ids := range begun {
		handled += len(ids)
		for i := 1; i < len(ids); i++ {
			var before, after int
			fmt.Sscan(ids[i-1], &before)
			fmt.Sscan(ids[i], &after)
			if before >= after {
				t.Errorf("chain %s: %d before %d", chain, before, after)
			}
		}
	}
	if skipped == 0 || handled+skipped != 300 {
		t.Errorf("%d handled, %d skipped", handled, skipped)
	}
}

func TestACancellationReachesTheContext(t *testing.T) {
	in, engine := io.Pipe()
	go func() {
		fmt.Fprintln(engine, `{"id":"1","body":1}`)
		fmt.Fprintln(engine, `{"cancelled":"7"}`)
		fmt.Fprintln(engine, `{"cancelled":"1"}`)
		engine.Close()
	}()
	var out bytes.Buffer
	err := volleyhandler.Serve(in, &out, 1, true, func(ctx context.Context, _ *volleyhandler.Message, _ *volleyhandler.Outputs) error {
		<-ctx.Done()
		return ctx.Err()
	})
	if err != nil || !strings.HasSuffix(out.String(), "{\"id\":\"1\",\"retry\":\"context canceled\"}\n") {
		t.Error(err, out.String())
	}
}

func TestARequestThatIsNoneEndsTheProgram(t *testing.T) {
	for _, line := range []string{"{", `{"body":1}`, `[]`} {
		if err := volleyhandler.Serve(strings.NewReader(line+"\n"), io.Discard, 1, true, returns(nil)); err == nil {
			t.Errorf("%s is accepted", line)
		}
	}
}
