package volley.handler;

import java.time.Duration;

/** Exceptions that decide what becomes of a message. They are cheap: they have no stack trace. */
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

        /** Not before that time has passed; null: as the configuration says. */
        public Retry(String why, Duration after) {
            super(why);
            this.after = after;
        }
    }

    /** The message fails for good. */
    public static final class Fail extends Outcome {
        private static final long serialVersionUID = 1;

        public Fail(String why) {
            super(why);
        }
    }

    /** The message is not wanted: acked without outputs, and counted. */
    public static final class Drop extends Outcome {
        private static final long serialVersionUID = 1;

        public Drop(String why) {
            super(why);
        }
    }
}
