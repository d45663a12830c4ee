import java.time.Duration;
import java.util.Map;
import volley.handler.Json;
import volley.handler.Message;
import volley.handler.Outcome;
import volley.handler.Outputs;
import volley.handler.To;
import volley.handler.VolleyHandler;

/** The echo program of plugin_api/protocol/README.md, for <code>volley handler-check --echo</code>. */
public final class Echo {
    private static int arrived;

    private Echo() {}

    public static void main(String[] arguments) throws Exception {
        VolleyHandler.run(Echo::handle);
    }

    static void handle(Message message, Outputs out) throws Exception {
        boolean isObject = message.isJson() && message.json().startsWith("{");
        Map<String, String> body = isObject ? Json.members(message.json()) : Map.of();
        switch (text(body, "do")) {
            case "fail" -> throw new Outcome.Fail(text(body, "why"));
            case "retry" -> throw new Outcome.Retry(text(body, "why"), body.containsKey("after_ms") ? Duration.ofMillis(number(body, "after_ms")) : null);
            case "drop" -> throw new Outcome.Drop(text(body, "why"));
            case "throw" -> throw new IllegalStateException("thrown");
            case "none" -> { }
            case "copy", "parts" -> copies(body, out);
            case "source" -> out.sendJson("out", message.source() == null ? "null" : message.source());
            case "print" -> {
                System.out.print("noise");
                forward(message, out);
            }
            case "sleep" -> {
                Thread.sleep(number(body, "ms"));
                forward(message, out);
            }
            case "meet" -> {
                meet(number(body, "count"), number(body, "within_ms"));
                forward(message, out);
            }
            case "wait" -> {
                await(message, number(body, "within_ms"));
                forward(message, out);
            }
            default -> forward(message, out);
        }
    }

    private static void forward(Message message, Outputs out) {
        out.forward(To.queue("out").withKey(message.key()).withHeaders(message.headers().isEmpty() ? null : message.headers()));
    }

    private static void copies(Map<String, String> body, Outputs out) {
        for (long n = 0; n < number(body, "count"); n++) {
            out.sendJson("out", Long.toString(n));
            if (text(body, "do").equals("parts")) out.flush();
        }
        if (text(body, "then").equals("fail")) throw new Outcome.Fail("behind its parts");
    }

    private static synchronized void meet(long count, long ms) throws InterruptedException {
        arrived++;
        Echo.class.notifyAll();
        long until = System.nanoTime() + ms * 1_000_000;
        while (arrived < count) {
            long left = (until - System.nanoTime()) / 1_000_000;
            if (left <= 0) throw new Outcome.Fail("alone");
            Echo.class.wait(left);
        }
    }

    private static void await(Message message, long ms) throws InterruptedException {
        long until = System.nanoTime() + ms * 1_000_000;
        while (System.nanoTime() < until) {
            if (message.isCancelled()) throw new Outcome.Retry("cancelled");
            Thread.sleep(5);
        }
    }

    private static String text(Map<String, String> body, String name) {
        String raw = body.getOrDefault(name, "");
        return raw.startsWith("\"") ? Json.string(raw) : "";
    }

    private static long number(Map<String, String> body, String name) {
        return Long.parseLong(body.get(name));
    }
}
