package volleyhandler

import "sync"

// order decides which message may be handled next: messages of one call and chain one after another, all others at the
// same time. Any goroutine may use it.
type order struct {
	mutex  sync.Mutex
	change *sync.Cond
	ready  []*task
	chains map[chainID]*chain
	call   uint64
	ended  bool
}

type chainID struct{ call, chain uint64 }

// chain: at most one of its messages is ready or handled; the later ones wait.
type chain struct {
	waiting []*task
	busy    bool
	failed  bool
}

func newOrder() *order {
	o := &order{chains: map[chainID]*chain{}}
	o.change = sync.NewCond(&o.mutex)
	return o
}

func (o *order) add(t *task) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if t.message.chain != 0 {
		o.forgetOldCalls(t.message.call)
		id := chainID{t.message.call, t.message.chain}
		if o.chains[id] == nil {
			o.chains[id] = &chain{}
		}
		t.chain = o.chains[id]
		if t.chain.busy {
			t.chain.waiting = append(t.chain.waiting, t)
			return
		}
		t.chain.busy = true
	}
	o.ready = append(o.ready, t)
	o.change.Signal()
}

// A failure counts only in its call.
func (o *order) forgetOldCalls(call uint64) {
	if call == o.call {
		return
	}
	o.call = call
	for id, chain := range o.chains {
		if id.call != call && !chain.busy {
			delete(o.chains, id)
		}
	}
}

// next waits for a message. It returns nil when there are no more.
func (o *order) next() (t *task, skip bool) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	for len(o.ready) == 0 {
		if o.ended {
			return nil, false
		}
		o.change.Wait()
	}
	t = o.ready[0]
	o.ready[0] = nil
	o.ready = o.ready[1:]
	return t, t.chain != nil && t.chain.failed
}

// done: the message is answered, so the next of its chain may begin.
func (o *order) done(t *task, failed bool) {
	if t.chain == nil {
		return
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	t.chain.failed = t.chain.failed || failed
	if len(t.chain.waiting) == 0 {
		t.chain.busy = false
		return
	}
	o.ready = append(o.ready, t.chain.waiting[0])
	t.chain.waiting = t.chain.waiting[1:]
	o.change.Signal()
}

// end: no more messages are added. Messages that wait in a chain become ready when the previous one is done, and the
// worker that handled it takes them.
func (o *order) end() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.ended = true
	o.change.Broadcast()
}
