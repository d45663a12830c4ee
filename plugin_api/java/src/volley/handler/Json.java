package volley.handler;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads JSON without decoding it: values are the original texts, so that numbers keep their digits. Any JSON
 * library can read these texts.
 */
public final class Json {
    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** The texts of an object's members by their decoded names, in order. */
    public static Map<String, String> members(String object) {
        Json in = new Json(object);
        Map<String, String> members = new LinkedHashMap<>();
        in.expect('{');
        if (in.take('}')) return in.atEnd(members);
        do {
            String name = string(in.value());
            in.expect(':');
            members.put(name, in.value());
        } while (in.take(','));
        in.expect('}');
        return in.atEnd(members);
    }

    /** The texts of an array's elements. */
    public static List<String> elements(String array) {
        Json in = new Json(array);
        List<String> elements = new ArrayList<>();
        in.expect('[');
        if (in.take(']')) return in.atEnd(elements);
        do elements.add(in.value());
        while (in.take(','));
        in.expect(']');
        return in.atEnd(elements);
    }

    /** Decodes the text of a string. */
    public static String string(String json) {
        if (json.length() < 2 || json.charAt(0) != '"') throw new IllegalArgumentException("not a JSON string: " + json);
        if (json.indexOf('\\') < 0) return json.substring(1, json.length() - 1);
        StringBuilder out = new StringBuilder(json.length());
        for (int i = 1; i < json.length() - 1; i++) {
            char c = json.charAt(i);
            if (c != '\\') {
                out.append(c);
                continue;
            }
            c = json.charAt(++i);
            switch (c) {
                case 'b' -> out.append('\b');
                case 'f' -> out.append('\f');
                case 'n' -> out.append('\n');
                case 'r' -> out.append('\r');
                case 't' -> out.append('\t');
                case 'u' -> {
                    out.append((char) Integer.parseInt(json.substring(i + 1, i + 5), 16));
                    i += 4;
                }
                default -> out.append(c);
            }
        }
        return out.toString();
    }

    /** Writes a string. Half of a surrogate pair, which a line cannot contain, becomes U+FFFD. */
    public static String quoted(String text) {
        StringBuilder out = new StringBuilder(text.length() + 2).append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < 0x20) {
                out.append(String.format("\\u%04x", (int) c));
            } else if (Character.isHighSurrogate(c) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1))) {
                out.append(c).append(text.charAt(++i));
            } else {
                out.append(Character.isSurrogate(c) ? '\ufffd' : c);
            }
        }
        return out.append('"').toString();
    }

    /** Whether it is one JSON value, by its structure: brackets, strings, and no line breaks in them. */
    static boolean isValue(String text) {
        try {
            Json in = new Json(text);
            in.value();
            in.atEnd(text);
            return true;
        } catch (IllegalArgumentException error) {
            return false;
        }
    }

    private char peek() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) at++;
        if (at == text.length()) throw new IllegalArgumentException("JSON ends too early");
        return text.charAt(at);
    }

    private boolean take(char c) {
        boolean there = peek() == c;
        if (there) at++;
        return there;
    }

    private void expect(char c) {
        if (!take(c)) throw new IllegalArgumentException("JSON has '" + text.charAt(at) + "' in place of '" + c + "' at " + at);
    }

    private <T> T atEnd(T result) {
        if (!text.substring(at).isBlank()) throw new IllegalArgumentException("JSON goes on behind its end at " + at);
        return result;
    }

    /** Skips a value, without recursion, and returns its text. */
    private String value() {
        peek();
        int begin = at;
        StringBuilder open = new StringBuilder();
        do {
            char c = peek();
            switch (c) {
                case '"' -> skipString();
                case '{', '[' -> {
                    open.append(c == '{' ? '}' : ']');
                    at++;
                }
                case '}', ']' -> {
                    if (open.isEmpty() || open.charAt(open.length() - 1) != c) throw new IllegalArgumentException("JSON has a wrong '" + c + "' at " + at);
                    open.setLength(open.length() - 1);
                    at++;
                }
                case ',', ':' -> {
                    if (open.isEmpty()) throw new IllegalArgumentException("JSON lacks a value at " + at);
                    at++;
                }
                default -> skipWord();
            }
        } while (!open.isEmpty());
        return text.substring(begin, at);
    }

    private void skipString() {
        for (at++; at < text.length() && text.charAt(at) != '"'; at++) {
            if (text.charAt(at) == '\\') at++;
        }
        if (at >= text.length()) throw new IllegalArgumentException("JSON ends inside a string");
        at++;
    }

    private void skipWord() {
        while (at < text.length() && ",:[]{}\" \t\r\n".indexOf(text.charAt(at)) < 0) at++;
    }
}
