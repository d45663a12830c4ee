package volley.handler;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Needs no library: java -ea -cp … volley.handler.PackageTest. */
public final class PackageTest {
    private PackageTest() {}

    public static void main(String[] arguments) throws Exception {
        jsonKeepsTheTextOfValues();
        jsonRefusesWhatIsNone();
        stringsComeBack();
        headersOfEveryForm();
        exceptionsDecide();
        partsAreForAnEngineThatTakesThem();
        aChainKeepsItsOrderWhateverTheConcurrency();
        aCancellationReachesTheHandler();
        aRequestThatIsNoneEndsTheProgram();
    }

    private static void assertEquals(Object expected, Object came) {
        if (!expected.equals(came)) throw new AssertionError("expected " + expected + ", came " + came);
    }

    private static void jsonKeepsTheTextOfValues() {
        Map<String, String> members = Json.members("{ \"n\" : 1e400 , \"\\u00e4\":[ 1.10,{\"}\":\"]\"} ], \"s\":\"a\\\"b\" }");
        assertEquals(Map.of("n", "1e400", "ä", "[ 1.10,{\"}\":\"]\"} ]", "s", "\"a\\\"b\""), members);
        assertEquals(List.of("1", "[2,[]]", "null"), Json.elements("[1, [2,[]] ,null]"));
        assertEquals(Map.of(), Json.members("{}"));
    }

    private static void jsonRefusesWhatIsNone() {
        for (String text : List.of("", "{", "{]", "[1", "\"a", "1 2", "}", ",", "[1]]", "{\"a\":1} x"))
            assertEquals(false, Json.isValue(text));
        for (String text : List.of("{}", "[]", " [1, {\"a\":null}] ", "\"a\"", "1e400", "true"))
            assertEquals(true, Json.isValue(text));
    }

    private static void stringsComeBack() {
        for (String text : List.of("", "plain", "\"\\\n\r\t\b\f\u0000", "ü 世界 🌍 \u2028"))
            assertEquals(text, Json.string(Json.quoted(text)));
        assertEquals("🌍/", Json.string("\"\\ud83c\\udf0d\\/\""));
        assertEquals("\"a\ufffd\"", Json.quoted("a\ud83c"));
    }

    private static void headersOfEveryForm() {
        List<Header> headers = Header.read("{\"b\":[\"x\",{\"base64\":\"/w==\"},null],\"a\":\"y\"}");
        assertEquals("[[\"b\",\"x\"],[\"b\",{\"base64\":\"/w==\"}],[\"b\",null],[\"a\",\"y\"]]", Header.written(headers));
        String pairs = "[[{\"base64\":\"/w==\"},\"x\"],[\"a\",null]]";
        assertEquals(pairs, Header.written(Header.read(pairs)));
        assertEquals(List.of(), Header.read("null"));
    }

    private static List<String> answers(int threads, boolean splits, Handler handler, String... lines) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        byte[] in = (String.join("\n", lines) + "\n").getBytes(StandardCharsets.UTF_8);
        VolleyHandler.serve(new ByteArrayInputStream(in), out, threads, splits, handler);
        List<String> all = Arrays.asList(out.toString(StandardCharsets.UTF_8).split("\n"));
        return all.subList(1, all.size());
    }

    private static void exceptionsDecide() throws IOException {
        Map<String, RuntimeException> expected = Map.of(
                "{\"id\":\"1\",\"retry\":\"late\",\"after_ms\":1500}", new Outcome.Retry("late", Duration.ofMillis(1500)),
                "{\"id\":\"1\",\"fail\":\"bad \\\"it\\\"\"}", new Outcome.Fail("bad \"it\""),
                "{\"id\":\"1\",\"fail\":true}", new Outcome.Fail(null),
                "{\"id\":\"1\",\"drop\":\"old\"}", new Outcome.Drop("old"),
                "{\"id\":\"1\",\"retry\":\"java.lang.IllegalStateException: odd\"}", new IllegalStateException("odd"));
        for (Map.Entry<String, RuntimeException> one : expected.entrySet()) {
            Handler handler = (message, out) -> {
                throw one.getValue();
            };
            assertEquals(List.of(one.getKey()), answers(1, true, handler, "{\"id\":\"1\",\"body\":1}"));
        }
        assertEquals(List.of("{\"id\":\"1\"}"), answers(1, true, (message, out) -> {}, "{\"id\":\"1\",\"body\":1}"));
        Handler wrong = (message, out) -> out.sendJson("out", "{");
        assertEquals(List.of("{\"id\":\"1\",\"fail\":\"a body is not valid JSON\"}"), answers(1, true, wrong, "{\"id\":\"1\",\"body\":1}"));
    }

    private static void partsAreForAnEngineThatTakesThem() throws IOException {
        Handler handler = (message, out) -> {
            out.sendJson("out", "1");
            out.flush();
            out.sendJson("out", "2");
        };
        assertEquals(2, answers(1, true, handler, "{\"id\":\"1\",\"body\":1}").size());
        String whole = "{\"id\":\"1\",\"outputs\":[{\"body\":1,\"queue\":\"out\"},{\"body\":2,\"queue\":\"out\"}]}";
        assertEquals(List.of(whole), answers(1, false, handler, "{\"id\":\"1\",\"body\":1}"));
    }

    private static void aChainKeepsItsOrderWhateverTheConcurrency() throws IOException {
        String[] lines = new String[300];
        for (int n = 0; n < lines.length; n++)
            lines[n] = String.format("{\"id\":\"%d\",\"call\":%d,\"chain\":%d,\"body\":%d}", n, n / 100, n % 3 + 1, n);
        Map<String, List<Integer>> begun = new TreeMap<>();
        Handler handler = (message, out) -> {
            int n = Integer.parseInt(message.json());
            synchronized (begun) {
                begun.computeIfAbsent(message.call + " " + message.chain, chain -> new ArrayList<>()).add(n);
            }
            if (n % 50 == 49) throw new Outcome.Retry("later");
        };
        long skipped = answers(8, true, handler, lines).stream().filter(line -> line.contains("skipped")).count();
        int handled = 0;
        for (List<Integer> chain : begun.values()) {
            assertEquals(chain.stream().sorted().toList(), chain);
            handled += chain.size();
        }
        assertEquals(true, skipped > 0);
        assertEquals(300L, skipped + handled);
    }

    private static void aCancellationReachesTheHandler() throws Exception {
        PipedOutputStream engine = new PipedOutputStream();
        PipedInputStream in = new PipedInputStream(engine);
        engine.write("{\"id\":\"1\",\"body\":1}\n{\"cancelled\":\"7\"}\n{\"cancelled\":\"1\"}\n".getBytes(StandardCharsets.UTF_8));
        engine.close();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        VolleyHandler.serve(in, out, 1, true, (message, outputs) -> {
            while (!message.isCancelled()) Thread.onSpinWait();
            throw new Outcome.Retry("cancelled");
        });
        assertEquals(true, out.toString(StandardCharsets.UTF_8).endsWith("{\"id\":\"1\",\"retry\":\"cancelled\"}\n"));
    }

    private static void aRequestThatIsNoneEndsTheProgram() {
        for (String line : List.of("{", "{\"body\":1}", "[]")) {
            try {
                answers(1, true, (message, out) -> {}, line);
            } catch (IOException error) {
                continue;
            }
            throw new AssertionError(line + " is accepted");
        }
    }
}
