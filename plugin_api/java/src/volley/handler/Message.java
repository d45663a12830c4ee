package volley.handler;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** An incoming message. Any thread may read it. */
public final class Message {
    private final Map<String, String> request;
    private final List<Header> headers;
    private final byte[] key;
    private final byte[] data;
    final long call;
    final long chain;
    volatile boolean cancelled;

    /** From the members of a request. */
    Message(Map<String, String> request) {
        this.request = request;
        if (!request.containsKey("id")) throw new IllegalArgumentException("a request has no id");
        headers = List.copyOf(Header.read(request.get("headers")));
        key = bytes("key", "key_base64");
        data = isTombstone() ? null : bytes("text", "base64");
        call = Long.parseLong(request.getOrDefault("call", "0"));
        chain = Long.parseLong(request.getOrDefault("chain", "0"));
    }

    private byte[] bytes(String text, String binary) {
        if (request.containsKey(text)) return Text.read(request.get(text));
        return request.containsKey(binary) ? Text.base64(request.get(binary)) : null;
    }

    /** The engine's id for the message in the protocol, not the store's. */
    public String id() {
        return Json.string(request.get("id"));
    }

    /** 1 for the first. */
    public int attempt() {
        return Integer.parseInt(request.getOrDefault("attempt", "1"));
    }

    /** Null if it has none. */
    public byte[] key() {
        return key;
    }

    /** In their original order. A name may occur more than once. */
    public List<Header> headers() {
        return headers;
    }

    /** The first value of a header as text, or null. */
    public String header(String name) {
        byte[] wanted = name.getBytes(StandardCharsets.UTF_8);
        for (Header header : headers) if (java.util.Arrays.equals(header.name(), wanted)) return header.valueText();
        return null;
    }

    /** Whether the body is a JSON value: the serializer of the queue is json or msgpack. */
    public boolean isJson() {
        return data == null && !isTombstone();
    }

    /** Whether the message has no body. */
    public boolean isTombstone() {
        return "true".equals(request.get("tombstone"));
    }

    /** The unchanged JSON body, digit by digit, for any JSON library; null if it is not JSON. */
    public String json() {
        return isJson() ? request.get("body") : null;
    }

    /** The body as bytes: the JSON text, or the bytes themselves; null for a tombstone. */
    public byte[] data() {
        return isJson() ? json().getBytes(StandardCharsets.UTF_8) : data;
    }

    /** The origin of the message, as a JSON object; null if the engine did not send it. */
    public String source() {
        return request.get("source");
    }

    /** Whether the result is no longer needed: the lease was lost, or Volley is stopping. A long-running handler checks it
     * regularly and throws Retry. Any other result is also valid.
     */
    public boolean isCancelled() {
        return cancelled;
    }
}
