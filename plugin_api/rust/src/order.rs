use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard};

use crate::message::Message;

/// Decides which message may be handled next: messages of one call and chain one after another, all others at the same
/// time.
#[derive(Default)]
pub(crate) struct Order {
    state: Mutex<State>,
    change: Condvar,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Message>,
    chains: HashMap<(u64, u64), Chain>,
    call: u64,
    ended: bool,
}

/// At most one message of a chain is ready or handled; the later ones wait.
#[derive(Default)]
struct Chain {
    waiting: VecDeque<Message>,
    busy: bool,
    failed: bool,
}

impl Order {
    pub fn add(&self, message: Message) {
        let mut state = self.lock();
        if message.chain != 0 {
            let call = message.call;
            if call != state.call {
                state.call = call;
                // A failure counts only in its call.
                state.chains.retain(|id, chain| id.0 == call || chain.busy);
            }
            let chain = state.chains.entry((call, message.chain)).or_default();
            if chain.busy {
                chain.waiting.push_back(message);
                return;
            }
            chain.busy = true;
        }
        state.ready.push_back(message);
        self.change.notify_one();
    }

    /// Waits for a message. Returns it and whether it must be skipped, or nothing when there are no more.
    pub fn next(&self) -> Option<(Message, bool)> {
        let mut state = self.lock();
        loop {
            if let Some(message) = state.ready.pop_front() {
                let skip = state
                    .chains
                    .get(&(message.call, message.chain))
                    .is_some_and(|chain| chain.failed);
                return Some((message, skip));
            }
            if state.ended {
                return None;
            }
            state = self.change.wait(state).expect("no thread panics with the lock");
        }
    }

    /// The message is answered, so the next of its chain may begin.
    pub fn done(&self, call: u64, chain: u64, failed: bool) {
        let mut state = self.lock();
        let Some(chain) = state.chains.get_mut(&(call, chain)) else {
            return;
        };
        chain.failed |= failed;
        match chain.waiting.pop_front() {
            None => chain.busy = false,
            Some(next) => {
                state.ready.push_back(next);
                self.change.notify_one();
            }
        }
    }

    /// No more messages are added. The thread that handles a message takes the next one of its chain.
    pub fn end(&self) {
        self.lock().ended = true;
        self.change.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics with the lock")
    }
}
