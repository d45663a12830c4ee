package volley.handler;

/** The function that is called for each message. */
@FunctionalInterface
public interface Handler {
    /**
     * Handles a message. The exception decides: {@link Outcome.Retry}, {@link Outcome.Fail} or {@link Outcome.Drop}; anything
     * else is a retry, with its stack trace in Volley's log. If it throws nothing, the outputs are sent.
     */
    void handle(Message message, Outputs out) throws Exception;
}
