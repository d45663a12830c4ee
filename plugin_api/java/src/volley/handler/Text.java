package volley.handler;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;

/** Bytes in the protocol: a string if they are UTF-8, otherwise base64. */
final class Text {
    private Text() {}

    /** Reads a string, {"base64":"…"} or null. */
    static byte[] read(String json) {
        if (json.equals("null")) return null;
        if (json.startsWith("{")) return base64(Json.members(json).get("base64"));
        return Json.string(json).getBytes(StandardCharsets.UTF_8);
    }

    static byte[] base64(String json) {
        return Base64.getDecoder().decode(Json.string(json));
    }

    static String written(byte[] value) {
        if (value == null) return "null";
        String text = utf8(value);
        return text != null ? Json.quoted(text) : "{\"base64\":\"" + Base64.getEncoder().encodeToString(value) + "\"}";
    }

    static String member(String name, String binaryName, byte[] value) {
        String text = utf8(value);
        if (text != null) return "\"" + name + "\":" + Json.quoted(text);
        return "\"" + binaryName + "\":\"" + Base64.getEncoder().encodeToString(value) + "\"";
    }

    /** Returns null if it is not UTF-8. */
    private static String utf8(byte[] value) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(value)).toString();
        } catch (CharacterCodingException error) {
            return null;
        }
    }
}
