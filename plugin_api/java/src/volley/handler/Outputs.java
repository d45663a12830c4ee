package volley.handler;

import java.util.function.Consumer;

/** What goes out when the handler returns; nothing of it goes out if it throws. For one thread at a time. */
public final class Outputs {
    private final Message message;
    private final Consumer<String> write; // null: the engine does not take partial answers
    private final StringBuilder pending = new StringBuilder(); // as the protocol has them, separated by commas

    Outputs(Message message, Consumer<String> write) {
        this.message = message;
        this.write = write;
    }

    /** Sends the message on as it came in: JSON digit by digit, bytes, or a tombstone. */
    public void forward(To to) {
        if (message.isTombstone()) sendTombstone(to);
        else if (message.isJson()) sendJson(to, message.json());
        else sendBytes(to, message.data());
    }

    /** Sends the message on to a queue. */
    public void forward(String queue) {
        forward(To.queue(queue));
    }

    /** Sends JSON text as it is. Throws Fail if it is not JSON. */
    public void sendJson(To to, String json) {
        if (!Json.isValue(json)) throw new Outcome.Fail("a body is not valid JSON");
        add(to, "\"body\":" + json.replace('\n', ' ').replace('\r', ' ')); // white space between tokens
    }

    /** Sends JSON text to a queue. */
    public void sendJson(String queue, String json) {
        sendJson(To.queue(queue), json);
    }

    /** Sends bytes as they are. */
    public void sendBytes(To to, byte[] body) {
        add(to, Text.member("text", "base64", body));
    }

    /** Sends a message without a body. */
    public void sendTombstone(To to) {
        add(to, "\"tombstone\":true");
    }

    /**
     * Hands over what was sent so far, so that a message with very many outputs needs little memory. If the handler throws later,
     * the engine discards it. Does nothing with an engine that has no partial answers.
     */
    public void flush() {
        if (write == null || pending.isEmpty()) return;
        write.accept("{\"id\":" + Json.quoted(message.id()) + ",\"outputs\":[" + pending + "],\"more\":true}");
        pending.setLength(0);
    }

    private void add(To to, String body) {
        if (!pending.isEmpty()) pending.append(',');
        pending.append('{').append(body).append(to.members()).append('}');
    }

    String pending() {
        return pending.toString();
    }
}
