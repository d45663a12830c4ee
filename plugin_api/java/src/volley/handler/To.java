package volley.handler;

import java.time.Duration;
import java.util.List;

/**
 * The destination and options of an output. Null: every output of the component, the key and headers of the message, no partition,
 * no delay.
 */
public record To(String queue, byte[] key, List<Header> headers, Integer partition, Duration delay) {
    /** To a queue; null is every output. */
    public static To queue(String queue) {
        return new To(queue, null, null, null, null);
    }

    public To withKey(byte[] key) {
        return new To(queue, key, headers, partition, delay);
    }

    public To withHeaders(List<Header> headers) {
        return new To(queue, key, headers, partition, delay);
    }

    public To withPartition(int partition) {
        return new To(queue, key, headers, partition, delay);
    }

    public To withDelay(Duration delay) {
        return new To(queue, key, headers, partition, delay);
    }

    /** The members of an output, each after a comma. */
    String members() {
        StringBuilder out = new StringBuilder();
        if (queue != null) out.append(",\"queue\":").append(Json.quoted(queue));
        if (key != null) out.append(',').append(Text.member("key", "key_base64", key));
        if (headers != null) out.append(",\"headers\":").append(Header.written(headers));
        if (partition != null) out.append(",\"partition\":").append(partition);
        if (delay != null) out.append(",\"delay_ms\":").append(milliseconds(delay));
        return out.toString();
    }

    static long milliseconds(Duration time) {
        return Math.max(0, time.plusNanos(999_999).toMillis());
    }
}
