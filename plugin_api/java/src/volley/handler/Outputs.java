package volley.handler;

import java.util.function.Consumer;

/** The outputs, which are sent when the handler returns; none is sent if it throws. For one thread at a time. */
public final class Outputs {
    private final Message message;
    private final Consumer<String> write; // null: the engine does not accept partial answers
    private final StringBuilder pending = new StringBuilder(); // in the protocol's form, separated by commas

    Outputs(Message message, Consumer<String> write) {
        this.message = message;
        this.write = write;
    }

    /** Forwards the message unchanged: JSON digit by digit, bytes, or a tombstone. */
    public void forward(To to) {
        if (message.isTombstone()) sendTombstone(to);
        else if (message.isJson()) sendJson(to, message.json());
        else sendBytes(to, message.data());
    }

    /** Forwards the message to a queue. */
    public void forward(String queue) {
        forward(To.queue(queue));
    }

    /** Sends JSON text unchanged. Throws Fail if it is not JSON. */
    public void sendJson(To to, String json) {
        if (!Json.isValue(json)) throw new Outcome.Fail("a body is not valid JSON");
        add(to, "\"body\":" + json.replace('\n', ' ').replace('\r', ' ')); // white space between tokens
    }

    /** Sends JSON text to a queue. */
    public void sendJson(String queue, String json) {
        sendJson(To.queue(queue), json);
    }

    /** Sends bytes unchanged. */
    public void sendBytes(To to, byte[] body) {
        add(to, Text.member("text", "base64", body));
    }

    /** Sends a message without a body. */
    public void sendTombstone(To to) {
        add(to, "\"tombstone\":true");
    }

    /**
     * Hands over the outputs so far, so that a message with very many outputs needs little memory. If the handler throws later,
     * the engine discards them. Has no effect with an engine that does not accept partial answers.
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
