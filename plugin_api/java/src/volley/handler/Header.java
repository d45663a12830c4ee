package volley.handler;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A name with one of its values; both may be any bytes. A null value is absent. */
public record Header(byte[] name, byte[] value) {
    /** A text header; a null value is absent. */
    public static Header of(String name, String value) {
        return new Header(name.getBytes(StandardCharsets.UTF_8), value == null ? null : value.getBytes(StandardCharsets.UTF_8));
    }

    /** The name as text. */
    public String nameText() {
        return new String(name, StandardCharsets.UTF_8);
    }

    /** The value as text, or null. */
    public String valueText() {
        return value == null ? null : new String(value, StandardCharsets.UTF_8);
    }

    /** From the protocol's form: an object in which a repeated name has a list, or a list of pairs. */
    static List<Header> read(String json) {
        List<Header> headers = new ArrayList<>();
        if (json == null || json.equals("null")) return headers;
        if (json.startsWith("[")) {
            for (String pair : Json.elements(json)) {
                List<String> both = Json.elements(pair);
                headers.add(new Header(Text.read(both.get(0)), Text.read(both.get(1))));
            }
            return headers;
        }
        for (Map.Entry<String, String> member : Json.members(json).entrySet()) {
            byte[] name = member.getKey().getBytes(StandardCharsets.UTF_8);
            String value = member.getValue();
            List<String> values = value.startsWith("[") ? Json.elements(value) : List.of(value);
            for (String one : values) headers.add(new Header(name, Text.read(one)));
        }
        return headers;
    }

    /** As a list of pairs, which can represent all headers and keeps the order. */
    static String written(List<Header> headers) {
        List<String> pairs = new ArrayList<>();
        for (Header header : headers) pairs.add("[" + Text.written(header.name) + "," + Text.written(header.value) + "]");
        return "[" + String.join(",", pairs) + "]";
    }
}
