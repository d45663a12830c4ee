package volley.handler;

import java.time.Duration;

/** Exceptions that decide the outcome of a message. They are cheap, because they have no stack trace. */
public abstract sealed class Outcome extends RuntimeException {
    private static final long serialVersionUID = 1;

    private Outcome(String why) {
        super(why == null ? "" : why, null, false, false);
    }

    /** The message fails now and may succeed later. */
    public static final class Retry extends Outcome {
        private static final long serialVersionUID = 1;
        final transient Duration after;

        public Retry(String why) {
            this(why, null);
        }

        /** The minimum delay; null: as configured. */
        public Retry(String why, Duration after) {
            super(why);
            this.after = after;
        }
    }

    /** The message fails permanently. */
    public static final class Fail extends Outcome {
        private static final long serialVersionUID = 1;

        public Fail(String why) {
            super(why);
        }
    }

    /** The message is unwanted: acked without outputs, and counted. */
    public static final class Drop extends Outcome {
        private static final long serialVersionUID = 1;

        public Drop(String why) {
            super(why);
        }
    }
}
