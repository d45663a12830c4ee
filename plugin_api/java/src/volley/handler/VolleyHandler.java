package volley.handler;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * Makes a program a handler of Volley:
 *
 * <pre>VolleyHandler.run((message, out) -> out.forward("shipments"));</pre>
 *
 * volleyd starts the program for a component with <code>handler: {exec: [java, -jar, ship.jar]}</code>, and speaks the protocol of
 * docs/handler-protocol.md with it over standard input and output. Text that it prints goes to standard error, and thus into
 * Volley's log.
 */
public final class VolleyHandler {
    private final Handler handler;
    private final OutputStream out;
    private final boolean splits;
    private final Order order = new Order();
    private final Map<String, Message> unanswered = new ConcurrentHashMap<>();
    private IOException failure; // of a write

    private VolleyHandler(OutputStream out, boolean splits, Handler handler) {
        this.out = out;
        this.splits = splits;
        this.handler = handler;
    }

    /**
     * Calls the handler for each message until Volley closes standard input, for up to VOLLEY_CONCURRENCY messages at the same time,
     * each in a thread. Messages of one chain are handled in order. Until the end the process ignores SIGTERM: a service manager also
     * sends it to handlers, which still have messages to answer.
     */
    public static void run(Handler handler) throws IOException {
        System.setOut(System.err);
        Signal.handle(new Signal("TERM"), SignalHandler.SIG_IGN);
        String concurrency = System.getenv("VOLLEY_CONCURRENCY");
        int threads = concurrency == null ? 1 : Math.max(1, Integer.parseInt(concurrency));
        serve(new FileInputStream(FileDescriptor.in), new FileOutputStream(FileDescriptor.out), threads, concurrency != null, handler);
    }

    /** {@link #run} without a process. splits: the engine accepts partial answers. */
    static void serve(InputStream in, OutputStream out, int threads, boolean splits, Handler handler) throws IOException {
        VolleyHandler server = new VolleyHandler(out, splits, handler);
        server.write("{\"volley\":2,\"chains\":true,\"cancels\":true,\"source\":true}");
        List<Thread> workers = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            Thread worker = new Thread(server::work, "volley-handler-" + i);
            worker.start();
            workers.add(worker);
        }
        try {
            server.read(in);
        } finally {
            server.order.end();
            for (Thread worker : workers) join(worker);
        }
        if (server.failure != null) throw server.failure;
    }

    private static void join(Thread worker) {
        try {
            worker.join();
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    /** Lines end only at a line feed. A line without one was cut off. */
    private void read(InputStream in) throws IOException {
        byte[] buffer = new byte[1 << 16];
        java.io.ByteArrayOutputStream line = new java.io.ByteArrayOutputStream();
        for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
            int from = 0;
            for (int i = 0; i < n; i++) {
                if (buffer[i] != '\n') continue;
                line.write(buffer, from, i - from);
                take(line.toString(StandardCharsets.UTF_8));
                line.reset();
                from = i + 1;
            }
            line.write(buffer, from, n - from);
        }
    }

    private void take(String line) throws IOException {
        if (line.isBlank()) return;
        try {
            Map<String, String> request = Json.members(line);
            if (request.containsKey("cancelled")) {
                Message cancelled = unanswered.get(Json.string(request.get("cancelled")));
                if (cancelled != null) cancelled.cancelled = true;
                return;
            }
            Message message = new Message(request);
            unanswered.put(message.id(), message);
            order.add(message);
        } catch (IllegalArgumentException error) {
            throw new IOException("a request cannot be read: " + error.getMessage(), error);
        }
    }

    private void work() {
        try {
            for (Order.Next next = order.next(); next != null; next = order.next()) {
                Message message = next.message();
                String id = "{\"id\":" + Json.quoted(message.id());
                String said = next.skip() ? ",\"skipped\":true" : outcomeOf(message);
                unanswered.remove(message.id());
                write(id + said + "}");
                order.done(message, next.skip() || said.startsWith(",\"retry\"") || said.startsWith(",\"fail\""));
            }
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    /** The members of the answer after its id. */
    private String outcomeOf(Message message) {
        Outputs outputs = new Outputs(message, splits ? this::write : null);
        try {
            handler.handle(message, outputs);
        } catch (Outcome.Retry retry) {
            String after = retry.after == null ? "" : ",\"after_ms\":" + To.milliseconds(retry.after);
            return because("retry", retry.getMessage()) + after;
        } catch (Outcome.Fail fail) {
            return because("fail", fail.getMessage());
        } catch (Outcome.Drop drop) {
            return because("drop", drop.getMessage());
        } catch (Throwable error) {
            error.printStackTrace();
            return because("retry", error.toString());
        }
        return outputs.pending().isEmpty() ? "" : ",\"outputs\":[" + outputs.pending() + "]";
    }

    private static String because(String kind, String why) {
        return ",\"" + kind + "\":" + (why.isEmpty() ? "true" : Json.quoted(why));
    }

    /** Writes immediately, so that no message waits for another. */
    private synchronized void write(String line) {
        if (failure != null) return;
        try {
            out.write((line + "\n").getBytes(StandardCharsets.UTF_8));
            out.flush();
        } catch (IOException error) {
            failure = error;
        }
    }
}
