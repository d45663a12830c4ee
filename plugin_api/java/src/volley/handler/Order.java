package volley.handler;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;

/**
 * Decides which message may be handled next: messages of one call and chain one after another, all others at the same time. Any
 * thread may use it.
 */
final class Order {
    private record Id(long call, long chain) {}

    /** At most one message of a chain is ready or handled; the later ones wait. */
    private static final class Chain {
        final Deque<Message> waiting = new ArrayDeque<>();
        boolean busy;
        boolean failed;
    }

    /** A message, and whether it must be skipped. */
    record Next(Message message, boolean skip) {}

    private final Deque<Message> ready = new ArrayDeque<>();
    private final Map<Id, Chain> chains = new HashMap<>();
    private long call;
    private boolean ended;

    synchronized void add(Message message) {
        if (message.chain != 0) {
            forgetOldCalls(message.call);
            Chain chain = chains.computeIfAbsent(new Id(message.call, message.chain), id -> new Chain());
            if (chain.busy) {
                chain.waiting.add(message);
                return;
            }
            chain.busy = true;
        }
        ready.add(message);
        notify();
    }

    /** A failure counts only in its call. */
    private void forgetOldCalls(long now) {
        if (now == call) return;
        call = now;
        chains.entrySet().removeIf(one -> one.getKey().call != now && !one.getValue().busy);
    }

    /** Waits for a message. Returns null when there are no more. */
    synchronized Next next() throws InterruptedException {
        while (ready.isEmpty()) {
            if (ended) return null;
            wait();
        }
        Message message = ready.remove();
        Chain chain = chains.get(new Id(message.call, message.chain));
        return new Next(message, chain != null && chain.failed);
    }

    /** The message is answered, so the next of its chain may begin. */
    synchronized void done(Message message, boolean failed) {
        Chain chain = chains.get(new Id(message.call, message.chain));
        if (chain == null) return;
        chain.failed |= failed;
        Message next = chain.waiting.poll();
        if (next == null) {
            chain.busy = false;
            return;
        }
        ready.add(next);
        notify();
    }

    /** No more messages are added. The thread that handles a message takes the next one of its chain. */
    synchronized void end() {
        ended = true;
        notifyAll();
    }
}
