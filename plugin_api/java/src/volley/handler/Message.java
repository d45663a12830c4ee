package volley.handler;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** What came in. Any thread may read it. */
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

    /** The engine's name for it in this conversation, not the store's. */
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

    /** In the order in which they came. A name may occur more than once. */
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

    /** Whether it has no body. */
    public boolean isTombstone() {
        return "true".equals(request.get("tombstone"));
    }

    /** The JSON body as it was written, digit by digit, for any JSON library; null if it is not JSON. */
    public String json() {
        return isJson() ? request.get("body") : null;
    }

    /** The body as bytes: the JSON text, or the bytes themselves; null for a tombstone. */
    public byte[] data() {
        return isJson() ? json().getBytes(StandardCharsets.UTF_8) : data;
    }

    /** Where it comes from, as a JSON object; null if the engine did not say. */
    public String source() {
        return request.get("source");
    }

    /**
     * Whether nobody waits for the result any more: the lease was lost, or Volley stops. A handler that works long asks now and
     * then, and throws Retry. What it does instead is right, too.
     */
    public boolean isCancelled() {
        return cancelled;
    }
}
