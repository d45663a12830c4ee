/* volley/plugin.h: the Volley plugin ABI, version 1. It is frozen: docs/compatibility.md.
 *
 * A plugin is a shared object that exports ONE symbol, volley_plugin_v1. It returns a description of the
 * classes inside: consumers, producers, handlers. A configuration names them `file.so:Class`.
 *
 * docs/plugin-contract.md says what the engine does on each status of each call.
 *
 * RULES
 *  Version    The major is in the symbol's name: volley_plugin_v2 would be another ABI, and one file may export both.
 *             Within a major, nothing is removed, reordered or given another meaning. An engine loads every plugin whose
 *             `needs_minor` is not above its own VOLLEY_ABI_MINOR. The last draft, volley_plugin_v0, has the layout of
 *             1.0, and its plugins still load.
 *  Growth     Structs grow at the end only. `struct_size` is sizeof() as the side that filled the struct knew it: read a
 *             field only if VOLLEY_HAS it. Arrays carry their element size (stride): step with VOLLEY_AT. A new field's
 *             zero means "as before". volley_view and volley_header are frozen. Fields named `reserved` are zero.
 *  Abilities  New groups of functions are extensions, found by id "volley.NAME/REVISION" ("com.vendor.NAME/1" for
 *             others). A function pointer that is not marked `required` may be NULL: not offered.
 *  Unknown    Ignore unknown flags. A status that the ABI does not define for a call is a broken rule: nothing is acked
 *             because of it, and the component ends with exit code 70. So new statuses come only with new functions, or
 *             to a host whose abi_minor has them.
 *  Ownership  Who allocates, frees. A view lends memory for the time its comment says; without one, until the call
 *             returns. Nothing is freed by the other side.
 *  Threads    [load]    once per file, before anything else, one thread.
 *             [create]  the thread that starts or reloads the engine; another than [owner]'s.
 *             [owner]   one thread from open to close, and never two calls at once: the intake of the component for
 *                       connectors, a worker for handlers.
 *             [any]     any thread, also several at once, also from inside other calls.
 *  Re-entry   A plugin may call its host from inside any call. The engine calls back into the plugin only where said.
 *  Failure    No exception, longjmp or panic may leave a function. Return a status; say why in volley_error.
 *  Manners    Threads that a plugin starts block all signals, and end before destroy returns. A plugin does not touch
 *             signal handlers, locale, environment, working directory, or stdio. It is never unloaded (dlclose), and is
 *             loaded RTLD_NOW | RTLD_LOCAL.
 *  Trust      A plugin runs with the rights of the engine. Nothing here is a security boundary.
 */
#ifndef VOLLEY_PLUGIN_H
#define VOLLEY_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#define VOLLEY_ABI_MAJOR 1
#define VOLLEY_ABI_MINOR 1
#define VOLLEY_ENTRY_SYMBOL "volley_plugin_v1"

#if defined(__GNUC__)
#define VOLLEY_EXPORT __attribute__((visibility("default")))
#else
#define VOLLEY_EXPORT
#endif

#ifdef __cplusplus
#define VOLLEY_STATIC_ASSERT(x, text) static_assert(x, text)
extern "C" {
#else
#define VOLLEY_STATIC_ASSERT(x, text) _Static_assert(x, text)
#endif

VOLLEY_STATIC_ASSERT(sizeof(void *) == 8 && sizeof(size_t) == 8, "the Volley ABI is 64-bit");

/* Does the struct that `p` points to reach as far as `field`? */
#define VOLLEY_HAS(type, p, field) ((p)->struct_size >= offsetof(type, field) + sizeof((p)->field))
/* Element i of an array whose elements are `stride` bytes apart. */
#define VOLLEY_AT(type, base, stride, i) ((type *)(void *)((char *)(base) + (size_t)(stride) * (size_t)(i)))
#define VOLLEY_CONST_AT(type, base, stride, i) \
  ((const type *)(const void *)((const char *)(base) + (size_t)(stride) * (size_t)(i)))

/* ---- Values ------------------------------------------------------------------------------------------------ */

/* Borrowed bytes or UTF-8 text, not NUL-terminated. data == NULL: absent; size == 0 with data: empty. Frozen. */
typedef struct volley_view {
  const void *data;
  size_t size;
} volley_view;

/* Order and repeated names are kept; a value may be absent or binary. Frozen. */
typedef struct volley_header {
  volley_view name;
  volley_view value;
} volley_header;

/* Status: 0 done, > 0 not done but no error, < 0 error. */
enum {
  VOLLEY_OK = 0,
  VOLLEY_AGAIN = 1,             /* no room now; try the rest later */
  VOLLEY_PENDING = 2,           /* the result comes later, through a callback */
  VOLLEY_END = 3,               /* a bounded source is at its end: no more messages, ever */
  VOLLEY_DROP = 4,              /* handlers only: not wanted. Counted as dropped, settled like a success, no outputs */
  VOLLEY_E_RETRY = -1,          /* passing fault; the same call may succeed later */
  VOLLEY_E_PERMANENT = -2,      /* this message or call can never succeed */
  VOLLEY_E_FATAL = -3,          /* this instance is done for. A handler's is destroyed and a new one made. A connector's ends
                                   the component: a new one is made when the process has restarted */
  VOLLEY_E_CONFIG = -4,         /* the configuration is wrong; a person must act */
  VOLLEY_E_FENCED = -5,         /* another process has taken this one's place: stop, do not come back */
  VOLLEY_E_UNAUTHORIZED = -6,   /* credentials refused */
  VOLLEY_E_LOST = -7,           /* this delivery is no longer this consumer's (lease ran out, partition gone) */
  VOLLEY_E_UNKNOWN = -8,        /* it may or may not have happened; doing it again may duplicate */
  VOLLEY_E_TOO_LARGE = -9,      /* permanent: over a size limit */
  VOLLEY_E_UNSUPPORTED = -10    /* permanent: this store cannot do that */
};

#define VOLLEY_ERROR_TEXT 480
/* The caller owns it, sets struct_size and zeroes the rest; may be NULL. Filled only when a call returns < 0. */
typedef struct volley_error {
  uint32_t struct_size;
  int32_t native;                 /* the client library's own number: errno, RD_KAFKA_RESP_ERR__…; 0 none */
  uint32_t retry_after_ms;        /* a hint; 0 none */
  uint32_t reserved;
  char text[VOLLEY_ERROR_TEXT];   /* for a person, UTF-8, NUL-terminated; what failed and what to do; no secrets */
  char field[64];                 /* VOLLEY_E_CONFIG: JSON pointer of the wrong key, e.g. "/bootstrap.servers" */
} volley_error;

/* One incoming message. In a consumer's batch the plugin fills it; a handler reads it. */
typedef struct volley_message {
  uint64_t handle;                /* the consumer's name for this delivery; any value; unique until it is settled */
  volley_view body;               /* absent: a tombstone */
  volley_view key;
  volley_view id;                 /* the store's own id of the message, as text; absent: its offset names it, or nothing does */
  volley_view source;             /* the topic or table it came from, where one consumer reads several; else absent.
                                     Partitions are numbered within their source. The same source keeps the same pointer
                                     until close, so that comparing pointers is enough to tell most of them apart */
  const volley_header *headers;
  uint32_t header_count;
  uint32_t delivery_count;        /* 1: first time; 0: the store does not count */
  int64_t timestamp_ms;           /* when it was produced, Unix; 0 unknown */
  int64_t offset;                 /* place within its partition; -1 none */
  int32_t partition;              /* the ordering lane; -1 none */
  uint32_t epoch;                 /* grows each time this partition is assigned anew; 0 none */
  uint32_t lease_ms;              /* how long the delivery is this consumer's unless extended; 0 no limit */
  uint32_t flags;                 /* VOLLEY_MESSAGE_… */
} volley_message;

enum {
  VOLLEY_MESSAGE_JSON = 1u,       /* handlers: the body is JSON text, and was checked */
  VOLLEY_MESSAGE_CUT_OFF = 2u     /* consumers: the message is over a limit of the connector, and the body is only its
                                     beginning. It fails for good, as too large */
};

/* One outgoing message. The engine or a handler fills it. */
typedef struct volley_record {
  uint64_t token;                 /* the engine's name for it; comes back in the report */
  volley_view queue;              /* where to: the queue's `value` in the configuration */
  volley_view body;
  volley_view key;
  volley_view id;                 /* names the record for good, also after a crash: see VOLLEY_CAN_DEDUP. A text without a
                                     promised form, made of the input's source, partition, and id or offset, of the component
                                     and the output's number. As long as those names, and at most 100 bytes more. Absent if
                                     the input's message cannot be told from others */
  const volley_header *headers;
  uint32_t header_count;
  int32_t partition;              /* -1: the store chooses */
  int64_t timestamp_ms;           /* 0: now */
  uint64_t delay_ms;              /* deliver no sooner; only to classes with VOLLEY_CAN_DELAY */
  uint32_t flags;                 /* VOLLEY_RECORD_… */
  uint32_t reserved;
} volley_record;

enum {
  VOLLEY_RECORD_BORROWED = 1u,    /* handlers: views are static or the input's own; the engine need not copy them */
  VOLLEY_RECORD_OWN_KEY = 2u,     /* handlers: an absent key means none, not the input's */
  VOLLEY_RECORD_OWN_HEADERS = 4u  /* handlers: no headers means none, not the input's */
};

/* ---- Host: what the engine does for a plugin ----------------------------------------------------------------- */

enum { VOLLEY_TRACE = 0, VOLLEY_DEBUG, VOLLEY_INFO, VOLLEY_WARNING, VOLLEY_ERROR, VOLLEY_LOG_OFF };
enum { VOLLEY_COUNTER = 0, VOLLEY_GAUGE, VOLLEY_HISTOGRAM };
enum { VOLLEY_UP = 0, VOLLEY_DEGRADED, VOLLEY_DOWN };
enum { VOLLEY_JSON_NULL = 0, VOLLEY_JSON_BOOL, VOLLEY_JSON_NUMBER, VOLLEY_JSON_STRING, VOLLEY_JSON_ARRAY, VOLLEY_JSON_OBJECT };

typedef struct volley_metric volley_metric;
typedef struct volley_host volley_host;

/* One per file (given to the entry) and one per instance (given to create; its log lines and metrics carry the
 * queue's and component's names). Every function is [any] and required, and none calls the plugin but through `wake`.
 * Valid until the instance's destroy returns, also for the plugin's own threads while it runs. Later calls are a
 * mistake: they do nothing, and the first is logged. */
struct volley_host {
  uint32_t struct_size;
  uint32_t abi_minor;
  uint32_t message_size;                           /* sizeof(volley_message) in the engine: of those that come by pointer */
  uint32_t record_size;                            /* sizeof(volley_record), likewise */
  void *context;                                   /* the engine's */
  const char *name;                                /* "volleyd" */
  const char *version;                             /* "1.0.0" */

  uint32_t (*log_level)(const volley_host *);      /* lowest level that is written; ask before formatting */
  void (*log)(const volley_host *, uint32_t level, volley_view text, const volley_header *fields, uint32_t field_count);

  /* The same name and labels give the same metric; never fails. Names get the prefix volley_plugin_. */
  volley_metric *(*metric)(const volley_host *, uint32_t kind, const char *name, const char *help,
                           const volley_header *labels, uint32_t label_count);
  void (*metric_add)(volley_metric *, double value);   /* counter: add; histogram: observe; gauge: add */
  void (*metric_set)(volley_metric *, double value);   /* gauge */

  /* The engine's allocator, for plugins without their own; counted per plugin. Free with the same host. */
  void *(*allocate)(const volley_host *, size_t size);
  void (*deallocate)(const volley_host *, void *);

  /* "Call me soon": consume has messages, poll has reports, or the state changed. Cheap; calls may merge. May call the
   * consumer's `interrupt`, so hold no lock that interrupt takes. */
  void (*wake)(const volley_host *);
  /* Feeds readiness and the dashboard; call on change. */
  void (*health)(const volley_host *, uint32_t state, volley_view text);
  /* A value of this instance's configuration by key ("dsn") or JSON pointer ("/tls/ca"). A string comes unescaped, all
   * else as JSON text. Returns 1 if there, else 0. The view is valid until destroy. */
  int32_t (*config)(const volley_host *, const char *key, int32_t *type, volley_view *value);
  /* NULL: unknown. */
  const void *(*get_extension)(const volley_host *, const char *id);
};

enum {
  /* The queue keeps dead letters. Producers: a queue that is made is made without a size limit. Consumers of stores that
   * cannot delete: peek hides what was removed. */
  VOLLEY_FOR_DEAD_LETTERS = 1u
};

/* What every create gets. Valid during create, but `config` and the names until destroy. */
typedef struct volley_options {
  uint32_t struct_size;
  uint32_t flags;                 /* VOLLEY_FOR_… */
  volley_view config;             /* JSON object, checked against the class's schema, secrets filled in */
  volley_view queue;              /* the queue's `name`; handlers: the component's */
  volley_view value;              /* the queue's `value`: topic, table…; handlers: absent */
  volley_view component;
  volley_view base_dir;           /* absolute; relative paths in `config` are relative to it (the file's folder) */
  volley_view app;                /* the configuration's `app`: names groups and clients */
} volley_options;

/* ---- Consumer ------------------------------------------------------------------------------------------------ */

typedef struct volley_consumer volley_consumer;    /* the plugin's */

/* The engine provides the room; the plugin fills messages[0..count). */
typedef struct volley_batch {
  uint32_t struct_size;
  uint32_t message_size;          /* stride */
  volley_message *messages;       /* zeroed; partition and offset are -1 */
  uint32_t capacity;
  uint32_t count;                 /* out */
  uint64_t max_bytes;             /* stop after the message that reaches it; 0 no limit */
} volley_batch;

enum {
  VOLLEY_ACK = 0,                 /* done for good: delete */
  VOLLEY_NACK = 1,                /* failed: deliver it again, not before delay_ms. Counts as a delivery */
  /* Neither: deliver it again, soon, to anybody, and do not count this delivery if the store can do that. A store that
   * delivers nothing again by itself puts the message back, as for a NACK without a delay. With volley.log it only closes
   * the delivery: whoever has the partition next reads from the committed offset. */
  VOLLEY_RELEASE = 2
};
/* The last draft's name for it, so that sources which were written for the draft still compile. */
#define VOLLEY_LEAVE VOLLEY_RELEASE

enum {
  VOLLEY_REASON_NONE = 0, VOLLEY_REASON_DECODE, VOLLEY_REASON_SCHEMA, VOLLEY_REASON_HANDLER_RETRY, VOLLEY_REASON_HANDLER_FAIL,
  VOLLEY_REASON_TIMEOUT, VOLLEY_REASON_CRASH, VOLLEY_REASON_OUTPUT, VOLLEY_REASON_SHUTDOWN, VOLLEY_REASON_TOO_LARGE,
  VOLLEY_REASON_CRASH_LOOP        /* not run any more: it was at work each time that the process died */
};

typedef struct volley_settlement {
  uint64_t handle;
  int32_t outcome;                /* VOLLEY_ACK … VOLLEY_RELEASE */
  int32_t result;                 /* out: VOLLEY_OK, VOLLEY_E_LOST, …; VOLLEY_E_RETRY leaves the delivery open, and is
                                     what it is set to before the call */
  uint64_t delay_ms;
  uint32_t reason;                /* VOLLEY_REASON_…. VOLLEY_ACK: none, or why the message was given up: the engine has stored its
                                     dead letter, or drops it */
  uint32_t attempts;              /* made so far */
  volley_view text;               /* why, for a person; valid during the call */
} volley_settlement;

/* A delivery is open from consume until the settle call that closes it: exactly one for each. Its views are valid, and
 * must not change, while it is open. Order of calls: create, open (again after an error), (consume | poll | settle |
 * extensions)*, close, destroy; destroy may follow create or a failed open. After VOLLEY_E_FATAL or VOLLEY_E_FENCED only
 * close and destroy are called. */
typedef struct volley_consumer_class {
  uint32_t struct_size;
  uint32_t reserved;
  /* required. Checks the configuration; no I/O, no threads. On error *out stays NULL. Called twice: the check of a
   * configuration creates an instance and destroys it. [create] */
  int32_t (*create)(const volley_host *, const volley_options *, volley_consumer **out, volley_error *);
  /* Connects. VOLLEY_E_RETRY: called again, until startup_timeout. [owner] */
  int32_t (*open)(volley_consumer *, volley_error *);
  /* required. Waits up to timeout_ms for the first message, then takes what is there, without waiting to fill the batch.
   * Nothing came: VOLLEY_OK with count 0. An error gives no messages (count 0): return those there are, fail the next
   * call. VOLLEY_END may come with messages, and ends the calls. While there is room it is called at least once a second,
   * else `poll` is. [owner] */
  int32_t (*consume)(volley_consumer *, volley_batch *, uint32_t timeout_ms, volley_error *);
  /* required. Sets `result` of each. An error: the call did nothing, and all stay open. [owner], also from inside
   * volley_partition_events.revoked */
  int32_t (*settle)(volley_consumer *, volley_settlement *, uint32_t count, uint32_t stride, volley_error *);
  /* Serves the client library's events (rebalances, statistics) without taking a message, under back-pressure; waits up to
   * timeout_ms for one, and interrupt ends that wait. Called at least once a second. NULL: nothing to serve. [owner] */
  int32_t (*poll)(volley_consumer *, uint32_t timeout_ms, volley_error *);
  /* Makes a consume, poll or volley.atomic outcome that waits return now, or the next one at once. Calls nothing of the
   * host. NULL: timeouts are kept short. [any] */
  void (*interrupt)(volley_consumer *);
  /* Leaves the store in good order within timeout_ms. Every delivery has been settled, unless the instance failed. [owner] */
  int32_t (*close)(volley_consumer *, uint32_t timeout_ms, volley_error *);
  /* required. Ends the plugin's threads and frees everything. [any], after all other calls have returned */
  void (*destroy)(volley_consumer *);
  /* NULL: not offered by this instance. Valid until destroy. [any], also before open */
  const void *(*get_extension)(volley_consumer *, const char *id);
} volley_consumer_class;

/* ---- Producer ------------------------------------------------------------------------------------------------ */

typedef struct volley_producer volley_producer;    /* the plugin's */

typedef struct volley_report {
  uint64_t token;
  int32_t status;                 /* VOLLEY_OK: durable, as far as the store promises it. VOLLEY_E_CONFIG,
                                     VOLLEY_E_UNAUTHORIZED and VOLLEY_E_FENCED end the component. VOLLEY_E_FATAL is of the
                                     record: it is sent again */
  int32_t partition;              /* -1 unknown */
  int64_t offset;                 /* -1 unknown */
  volley_view id;                 /* the id the store gave it; valid during the callback */
  volley_view text;               /* status < 0: why; valid during the callback */
} volley_report;

/* The engine's. [any], also inside produce, poll, flush and close. Never blocks. One report for each accepted record, by
 * the instance that accepted it: a second one, and one of a record that it was not given, ends the component. Reports
 * after close has returned are ignored, and logged. None may come after destroy has returned. */
typedef void (*volley_report_fn)(void *context, const volley_report *, uint32_t count, uint32_t stride);

/* Order of calls: create, open (again after an error), (produce | poll | flush | extensions)*, close, destroy; destroy may
 * follow create or a failed open. Between open and close the calls come from workers and from the intake, one at a time;
 * with VOLLEY_THREAD_SAFE also several at once. After an error that ends the component, close is called nevertheless. */
typedef struct volley_producer_class {
  uint32_t struct_size;
  uint32_t reserved;
  /* required. As the consumer's. Every accepted record gets exactly one report through `report`. [create] */
  int32_t (*create)(const volley_host *, const volley_options *, volley_report_fn report, void *report_context,
                    volley_producer **out, volley_error *);
  int32_t (*open)(volley_producer *, volley_error *);   /* as the consumer's. The intake */
  /* required. Takes the first *accepted records, in order; VOLLEY_AGAIN: no room for the rest. A record that can never be
   * sent is accepted and reported. On error too, *accepted counts and those are reported; VOLLEY_E_PERMANENT and its kin
   * refuse all the others. An accepted record's views stay valid until its report. Does not wait for the store unless it
   * reports before it returns. A worker */
  int32_t (*produce)(volley_producer *, const volley_record *, uint32_t count, uint32_t stride, uint32_t *accepted, volley_error *);
  /* Drives the client library; reports come from inside. Called every 5 ms while reports are due, with timeout_ms 0; while
   * produce has no room, with a timeout, by the worker that waits; and after `wake`. NULL: the plugin has a thread for
   * that. The intake, a worker */
  int32_t (*poll)(volley_producer *, uint32_t timeout_ms, volley_error *);
  /* Sends what is held back and waits up to timeout_ms for reports. VOLLEY_AGAIN: some are still due. Called while reports
   * are due: when none has come for 20 ms, and while draining at once. NULL: nothing is held back. The intake */
  int32_t (*flush)(volley_producer *, uint32_t timeout_ms, volley_error *);
  /* Afterwards every accepted record has been reported; those given up, with VOLLEY_E_UNKNOWN. The intake */
  int32_t (*close)(volley_producer *, uint32_t timeout_ms, volley_error *);
  void (*destroy)(volley_producer *);                                /* required. As the consumer's */
  const void *(*get_extension)(volley_producer *, const char *id);   /* as the consumer's */
} volley_producer_class;

/* ---- Handler ------------------------------------------------------------------------------------------------- */

typedef struct volley_handler volley_handler;      /* the plugin's */
typedef struct volley_job volley_job;              /* the engine's: one message in work */

typedef struct volley_task {
  volley_job *job;
  const volley_message *message;  /* body as the serializer left it; valid until the job is finished, or destroy returns */
  int32_t status;                 /* out: VOLLEY_OK; VOLLEY_DROP; VOLLEY_E_RETRY: try again; other < 0: failed for good;
                                     VOLLEY_PENDING */
  uint32_t attempt;               /* 1: the first */
  int64_t deadline_ms;            /* when handler_timeout is over; Unix; 0 none. The engine does not interrupt a call. A
                                     result that comes later is ignored, and its message is charged a timeout: a pending job
                                     at the deadline, the others of a call if it took longer than that for each of its tasks.
                                     An instance that holds a pending job for as long again (5 s at most) is closed and
                                     replaced */
  uint64_t retry_after_ms;        /* out, with VOLLEY_E_RETRY: not before this; 0: the component's backoff decides */
  uint32_t reason;                /* out: VOLLEY_REASON_… where it says more than `status` (timeout, crash); 0 none */
  uint32_t group;                 /* 0 none. Tasks of one group in a call must not overtake: they are handled in turn, and once
                                     one ends in an error the later ones are left VOLLEY_AGAIN: not started. Without
                                     VOLLEY_KEEPS_GROUPS a call has no two of a group */
} volley_task;

/* Given to create; valid until destroy returns. Of a job that is over, or never was, every function does nothing; emit
 * returns VOLLEY_E_LOST, cancelled 2. */
typedef struct volley_jobs {
  uint32_t struct_size;
  uint32_t reserved;
  void *context;
  /* Adds an output; `output` is a queue's name, absent: all of the component's. Sent only if the job ends VOLLEY_OK. Copies,
   * unless VOLLEY_RECORD_BORROWED. Not two calls at once for one job. [any] */
  int32_t (*emit)(void *context, volley_job *, volley_view output, const volley_record *, uint32_t record_size, volley_error *);
  /* Says why the job fails; copies. At most once, before the job ends. [any] */
  void (*explain)(void *context, volley_job *, volley_view text);
  /* Ends a job left VOLLEY_PENDING, also before handle has returned; a second time does nothing. The statuses of
   * volley_task, but not VOLLEY_PENDING. retry_after_ms as there. [any] */
  void (*finish)(void *context, volley_job *, int32_t status, uint64_t retry_after_ms);
  int32_t (*cancelled)(void *context, volley_job *);   /* 1: the result is no longer wanted; 2: nor is it waited for. [any] */
  /* As finish, with a VOLLEY_REASON_… where it says more than `status`. [any] */
  void (*finish_for)(void *context, volley_job *, int32_t status, uint64_t retry_after_ms, uint32_t reason);
} volley_jobs;

/* One instance for each worker, used by its thread alone. With VOLLEY_THREAD_SAFE one for all workers: handle is called by
 * several at once, the others by one of them while no handle runs. Order of calls: create, open (again after
 * VOLLEY_E_RETRY), handle*, close, destroy. */
typedef struct volley_handler_class {
  uint32_t struct_size;
  uint32_t reserved;
  /* required. As the consumer's, but called once for each instance, by a worker */
  int32_t (*create)(const volley_host *, const volley_options *, const volley_jobs *, volley_handler **out, volley_error *);
  /* VOLLEY_E_RETRY: called again on the same instance, at the start until startup_timeout */
  int32_t (*open)(volley_handler *, volley_error *);
  /* required. Sets `status` of each task. Returns < 0 only if the instance failed: it is destroyed without close, and tasks
   * with status 0 or still pending are retried on a new one, one by one, without an attempt counted; the one with which a
   * new instance fails at once is charged. VOLLEY_E_CONFIG, VOLLEY_E_UNAUTHORIZED and VOLLEY_E_FENCED end the component */
  int32_t (*handle)(volley_handler *, volley_task *, uint32_t count, uint32_t stride, volley_error *);
  /* Nothing is in a handle call any more. Jobs still pending are ignored from now on */
  int32_t (*close)(volley_handler *, uint32_t timeout_ms, volley_error *);
  void (*destroy)(volley_handler *);               /* required. As the consumer's */
  const void *(*get_extension)(volley_handler *, const char *id);
  /* Both or neither, and only with VOLLEY_ASYNC and without VOLLEY_THREAD_SAFE: for a handler without threads of its own.
   * While tasks are pending, poll waits up to timeout_ms, on the thread of handle, and returns once a task is finished.
   * interrupt makes a poll that waits return now, or the next one at once; it calls nothing of the host. A poll that fails
   * is as a handle that fails. [any] */
  int32_t (*poll)(volley_handler *, uint32_t timeout_ms, volley_error *);
  void (*interrupt)(volley_handler *);
} volley_handler_class;

/* ---- Extensions ---------------------------------------------------------------------------------------------- */

/* Consumer. Partitions come and go; order holds within one. */
#define VOLLEY_EXT_PARTITIONS "volley.partitions/1"
typedef struct volley_partition {
  volley_view source;             /* as in volley_message; absent where the consumer reads only one */
  int32_t partition;
  uint32_t epoch;
  int64_t offset;                 /* commit: the next one to read; assigned: where reading starts, -1 unknown */
  volley_view metadata;           /* stored with a commit; absent none */
} volley_partition;
typedef struct volley_partition_events {
  uint32_t struct_size;
  uint32_t reserved;
  void *context;
  void (*assigned)(void *context, const volley_partition *, uint32_t count, uint32_t stride);
  /* Of partitions that were announced as assigned. lost == 0: this consumer's until this returns; the engine drains, for
   * up to 10 s, and may call settle and commit from inside it (hold no lock). lost == 1: gone already; those deliveries'
   * settlements will be VOLLEY_RELEASE. */
  void (*revoked)(void *context, const volley_partition *, uint32_t count, uint32_t stride, int32_t lost);
} volley_partition_events;
typedef struct volley_ext_partitions {
  uint32_t struct_size;
  uint32_t reserved;
  /* required; before open; the events are valid until close returns. The plugin calls them from inside open, consume, poll
   * and close, on the thread of that call, and never from inside each other. [owner] */
  void (*listen)(volley_consumer *, const volley_partition_events *);
  int32_t (*pause)(volley_consumer *, const volley_partition *, uint32_t count, uint32_t stride, volley_error *);   /* [owner] */
  int32_t (*resume)(volley_consumer *, const volley_partition *, uint32_t count, uint32_t stride, volley_error *);  /* [owner] */
} volley_ext_partitions;

/* Consumer. A log: progress is one offset a partition. VOLLEY_ACK then only closes the delivery; `commit` alone is durable,
 * and the engine never commits past an unfinished message. VOLLEY_NACK is not used. */
#define VOLLEY_EXT_LOG "volley.log/1"
typedef struct volley_ext_log {
  uint32_t struct_size;
  uint32_t reserved;
  /* required. wait == 0: may be carried out later, in order; else this and all before it, also if count is 0.
   * VOLLEY_E_LOST: an epoch is over; the others are committed. [owner] */
  int32_t (*commit)(volley_consumer *, const volley_partition *, uint32_t count, uint32_t stride, int32_t wait, uint32_t timeout_ms, volley_error *);
} volley_ext_log;

/* Consumer. Heartbeat: keep deliveries with a lease_ms for longer. */
#define VOLLEY_EXT_LEASE "volley.lease/1"
typedef struct volley_ext_lease {
  uint32_t struct_size;
  uint32_t reserved;
  /* required. Called when a third of the shortest lease is over. results[i], VOLLEY_OK before: VOLLEY_OK; VOLLEY_E_LOST,
   * the message is then released; VOLLEY_E_RETRY, the lease runs on. [owner] */
  int32_t (*extend)(volley_consumer *, const uint64_t *handles, int32_t *results, uint32_t count, uint32_t lease_ms, volley_error *);
} volley_ext_lease;

/* Consumer or producer (cast); every function may be NULL. For dashboards, autoscaling and volley. */
#define VOLLEY_EXT_INSPECT "volley.inspect/1"
typedef struct volley_stats {     /* -1: unknown */
  uint32_t struct_size;
  uint32_t reserved;
  int64_t ready;                  /* waiting; in a log: the lag */
  int64_t in_flight;              /* delivered, not settled, by all consumers */
  int64_t delayed;
  int64_t dead;
  int64_t oldest_ms;              /* age of the oldest that waits */
} volley_stats;
typedef struct volley_ext_inspect {
  uint32_t struct_size;
  uint32_t reserved;
  int32_t (*stats)(void *instance, volley_stats *, volley_error *);                  /* [owner]; up to ten times a second */
  /* Looks without taking; handles are 0; views valid until the next call on the instance. [owner] */
  int32_t (*peek)(void *instance, volley_batch *, uint64_t skip, volley_error *);
  int32_t (*check)(void *instance, uint32_t timeout_ms, volley_error *);             /* health: is the store there? [owner] */
  int32_t (*purge)(void *instance, uint64_t *removed, volley_error *);               /* [owner] */
  /* One stored message by the id that peek showed, for dead letters: `find` fills batch[0] as peek does, or leaves count 0;
   * `remove` deletes it and says in *removed whether it was there. [owner] */
  int32_t (*find)(void *instance, volley_view id, volley_batch *, volley_error *);
  int32_t (*remove)(void *instance, volley_view id, uint64_t *removed, volley_error *);
} volley_ext_inspect;

/* Consumer with volley.inspect and volley.log. The lag of each partition. Since 1.1. */
#define VOLLEY_EXT_LAG "volley.lag/1"
typedef struct volley_partition_lag {
  volley_view source;             /* as of its messages; valid until the next call on the instance */
  int32_t partition;
  uint32_t reserved;
  int64_t lag;                    /* messages from the committed offset to the end; -1 unknown */
} volley_partition_lag;
typedef struct volley_ext_lag {
  uint32_t struct_size;
  uint32_t reserved;
  /* required. The partitions that are assigned to this consumer, with what it knows of them without a request to the store. Fills
   * up to `capacity` elements; *count is how many partitions there are, also if that is more. [owner], once a second */
  int32_t (*lags)(volley_consumer *, volley_partition_lag *, uint32_t capacity, uint32_t stride, uint32_t *count, volley_error *);
} volley_ext_lag;

/* Consumer with volley.inspect. Of stores that keep what was read: from this call on, peek shows what was stored from from_ms to
 * before to_ms (Unix), whoever has read it; times are the messages' own. */
#define VOLLEY_EXT_HISTORY "volley.history/1"
typedef struct volley_ext_history {
  uint32_t struct_size;
  uint32_t reserved;
  int32_t (*between)(void *instance, int64_t from_ms, int64_t to_ms, volley_error *);   /* required. [owner] */
} volley_ext_history;

/* Consumer with volley.inspect. Removes several stored messages at once, for stores where a request for each would be slow. */
#define VOLLEY_EXT_REMOVAL "volley.removal/1"
typedef struct volley_ext_removal {
  uint32_t struct_size;
  uint32_t reserved;
  /* required. As volley_ext_inspect.remove for each of the ids. removed[i], zero before: 1 if it was there. On an error too, those
   * that were removed have their 1. [owner] */
  int32_t (*remove_all)(void *instance, const volley_view *ids, uint32_t count, uint32_t *removed, volley_error *);
} volley_ext_removal;

/* Consumer. Says which store this is. A message's own id is unique in its store only; with this, what the engine makes of
 * it (ids of outputs and dead letters, names in the crash journal) is never that of a message of another store, nor of one
 * that was made anew under the same name. Without it such ids hold for the life of the process only. */
#define VOLLEY_EXT_IDENTITY "volley.identity/1"
typedef struct volley_ext_identity {
  uint32_t struct_size;
  uint32_t reserved;
  /* required. The same text as long as the store is the same, after a restart too, and another text for any other store: a
   * cluster's id, a random id that is kept in the store. Where several read the same messages (consumer groups), the
   * reader's name belongs to it. Empty: message ids are unique in all stores. It is that of the messages of the last
   * consume, and is asked after each that brought some; valid until the next call on the instance. [owner] */
  int32_t (*identity)(volley_consumer *, volley_view *out, volley_error *);
} volley_ext_identity;

/* Producer. These outputs and these acks, all or nothing, in one store. */
#define VOLLEY_EXT_ATOMIC "volley.atomic/1"
typedef struct volley_transaction {
  uint32_t struct_size;
  uint32_t record_size;
  const volley_record *records;
  uint32_t record_count;
  uint32_t settlement_count;
  volley_settlement *settlements; /* VOLLEY_ACK only; closed if the call returns VOLLEY_OK */
  uint32_t settlement_size;
  uint32_t timeout_ms;
} volley_transaction;
typedef struct volley_ext_atomic {
  uint32_t struct_size;
  uint32_t reserved;
  /* required. 1: the two share a store, so that `commit` works. Both are of this plugin, opened. [owner] of both */
  int32_t (*joins)(volley_producer *, volley_consumer *);
  /* required. VOLLEY_OK: all of it, durable, and no reports are made. VOLLEY_E_RETRY: none of it. VOLLEY_E_UNKNOWN: all or
   * none; the engine repeats it with the same ids. VOLLEY_E_LOST: none; the settlements that are not this consumer's any
   * more have the result VOLLEY_E_LOST, and the engine repeats it without them. [owner] of both */
  int32_t (*commit)(volley_producer *, volley_consumer *, volley_transaction *, volley_error *);
  /* `post` and `outcome`: both or neither, and used only with a consumer that has `interrupt`. They make a pipeline of
   * transactions.
   *
   * Begins a transaction and returns when it is on its way; whether it failed, outcome says. It may be carried out only if
   * each is that was posted before it and whose outcome is not told yet; else its outcome is VOLLEY_E_RETRY, or what else
   * is wrong with it. Nothing of it is read after post has returned. Until no outcome is due, commit is not called;
   * consume, settle and extend may be. To extend a lease of its deliveries does nothing, and is VOLLEY_OK. At the end of a
   * stop outcomes may still be due: its deliveries are then released, and both are closed. [owner] of both */
  void (*post)(volley_producer *, volley_consumer *, volley_transaction *);
  /* The outcome of the oldest posted, as commit would return it. The transaction is given again for its settlements, in
   * the same memory; its records are void. VOLLEY_PENDING: it did not come within `timeout_ms`, or interrupt was called. In
   * the end there is one, if only VOLLEY_E_UNKNOWN. What ends in that or in VOLLEY_E_RETRY, and all that fails behind one
   * that failed, the engine gives to commit in their order, when no outcome is due any more. consume returns when an
   * outcome is there. [owner] of both */
  int32_t (*outcome)(volley_producer *, volley_consumer *, volley_transaction *, uint32_t timeout_ms, volley_error *);
} volley_ext_atomic;

/* Producer. What this instance can do beyond its class's flags, because its configuration says so. Asked after create. */
#define VOLLEY_EXT_ABILITIES "volley.abilities/1"
typedef struct volley_ext_abilities {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t flags;                 /* VOLLEY_CAN_… */
} volley_ext_abilities;

/* Host of a handler: what volley_host.get_extension gives. For handlers whose work is done by processes of their own. Since 1.1. */
#define VOLLEY_EXT_RESTARTS "volley.restarts/1"
typedef struct volley_ext_restarts {
  uint32_t struct_size;
  uint32_t reserved;
  /* Counts a process that has taken the place of another. planned == 1: that one was healthy, and was replaced by design. [any] */
  void (*replaced)(const volley_host *, int32_t planned);
} volley_ext_restarts;

/* ---- Description --------------------------------------------------------------------------------------------- */

enum { VOLLEY_KIND_CONSUMER = 1, VOLLEY_KIND_PRODUCER, VOLLEY_KIND_HANDLER };

#define VOLLEY_THREAD_SAFE    (UINT64_C(1) << 0)   /* producer: produce, poll and flush may overlap; handler: handle may */
#define VOLLEY_BOUNDED        (UINT64_C(1) << 2)   /* consumer: ends with VOLLEY_END */
#define VOLLEY_CAN_KEY        (UINT64_C(1) << 8)   /* carries keys */
#define VOLLEY_CAN_HEADERS    (UINT64_C(1) << 9)   /* carries headers */
#define VOLLEY_CAN_DELAY      (UINT64_C(1) << 10)  /* producer: record.delay_ms; consumer: settlement.delay_ms */
/* Producer: does not store a record again whose id and content are those of one that it stored and that is still in the
 * queue, and reports VOLLEY_OK for it. An id with other content is another record. It needs to remember no record that is
 * consumed: the longer it does, the more crashes leave no duplicate. */
#define VOLLEY_CAN_DEDUP      (UINT64_C(1) << 12)
#define VOLLEY_ORDERED        (UINT64_C(1) << 13)  /* consumer: keeps order within a partition, or else in the queue; producer:
                                                      what it accepted arrives in that order, its own retries included */
#define VOLLEY_JSON_BODIES    (UINT64_C(1) << 14)  /* the store's convention is JSON: the queue's default serializer is json */
#define VOLLEY_CAN_TOMBSTONE  (UINT64_C(1) << 15)  /* producer: an absent body can be stored, apart from an empty one */
#define VOLLEY_KEEPS_GROUPS   (UINT64_C(1) << 16)  /* handler: honours task.group */
/* Handler: leaves tasks pending, and each message completes as soon as its task is finished. The instance has at most
 * `concurrency` tasks at a time. No two of them are of one group, unless it has VOLLEY_KEEPS_GROUPS and a poll: then, of a
 * group whose task ends in an error, the later ones that it has are finished with VOLLEY_AGAIN. Without this flag the engine waits until all
 * tasks of a call are finished before it makes the next call. */
#define VOLLEY_ASYNC          (UINT64_C(1) << 18)
#define VOLLEY_JOINT_COMMIT   (UINT64_C(1) << 17)  /* producer: a commit may have records of every producer of this plugin that
                                                      joins its consumer; record.queue says whose */

/* All text is static, NUL-terminated UTF-8. Readable without creating anything: `volley plugins`. */
typedef struct volley_class {
  uint32_t struct_size;
  uint32_t kind;
  uint64_t flags;
  const char *name;               /* required. [A-Za-z_][A-Za-z0-9_]*, unique among its kind in the file */
  const char *summary;
  const char *config_schema;      /* JSON Schema (draft-07) of `config`; NULL: anything */
  const char *const *extensions;  /* ids that instances may offer; ends with NULL */
  const void *functions;          /* required. volley_consumer_class, … by `kind` */
} volley_class;

typedef struct volley_plugin {
  uint32_t struct_size;
  uint32_t abi_minor;             /* VOLLEY_ABI_MINOR it was compiled with */
  uint32_t needs_minor;           /* least VOLLEY_ABI_MINOR of an engine it can work with */
  uint32_t class_count;
  const volley_class *const *classes;
  const char *name;               /* required */
  const char *version;            /* required; semantic */
  const char *author;
  const char *license;            /* SPDX */
  const char *summary;
  const char *url;
  const void *(*get_extension)(const char *id);    /* [any]; may be NULL */
} volley_plugin;

/* The one symbol. `host` is valid for the life of the process. NULL: refuses; says why in `error`. Fast: no I/O. [load] */
VOLLEY_EXPORT const volley_plugin *volley_plugin_v1(const volley_host *host, volley_error *error);
typedef const volley_plugin *(*volley_plugin_entry)(const volley_host *, volley_error *);

/* ---- Helpers ------------------------------------------------------------------------------------------------- */

static inline volley_view volley_text(const char *s) {
  volley_view v;
  size_t n = 0;
  if (s) while (s[n]) ++n;
  v.data = s;
  v.size = n;
  return v;
}

/* Sets the text (cut to fit) and returns `status`: return volley_fail(error, VOLLEY_E_RETRY, "…"); */
static inline int32_t volley_fail(volley_error *error, int32_t status, const char *text) {
  if (error && VOLLEY_HAS(volley_error, error, text)) {
    size_t n = 0;
    while (text && text[n] && n < VOLLEY_ERROR_TEXT - 1) { error->text[n] = text[n]; ++n; }
    while (n > 0 && text && text[n] && (text[n] & 0xC0) == 0x80) --n;   /* whole UTF-8 characters */
    error->text[n] = '\0';
  }
  return status;
}

/* Frozen already. */
VOLLEY_STATIC_ASSERT(sizeof(volley_view) == 16 && sizeof(volley_header) == 32, "frozen");
VOLLEY_STATIC_ASSERT(offsetof(volley_error, text) == 16, "frozen");

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* VOLLEY_PLUGIN_H */
