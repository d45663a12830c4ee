// Codec: between a queue's bytes and the text that schemas and handlers see. A Decoder serves an input queue,
// an Encoder an output queue. Both are made once and then const: any thread may use them, each with a scratch
// buffer of its own.
//
// Rules of JSON here: UTF-8, at most 64 levels deep, no NaN or Infinity; numbers keep every digit, because
// the text is passed on as it came. A key that stands twice in an object is passed on too, but refused where
// a schema looks: what it checked must be what a handler reads. To MessagePack, whole numbers go exactly or
// not at all; others become the nearest double.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "volley/config.hpp"
#include "volley/error.hpp"

namespace volley::codec {

enum class Encoding : std::uint8_t { json, msgpack, none };

// A queue's serializer, or what it is by default: json with a schema, else json where the connector's bodies
// are JSON, else none.
Encoding encoding_of(const QueueConfig& queue, bool connector_has_json);

struct Limits {
    std::uint64_t max_message_bytes = 0;
};

// Why a body can never be used. The text names the place, the rule and the value, as JSON and cut short.
struct Failure {
    std::uint32_t reason = 0;  // VOLLEY_REASON_DECODE, _SCHEMA or _TOO_LARGE
    std::string text;
};

class Schema;  // a compiled JSON Schema

// The tree of a decoded body, kept for the encoders of the same text, so that it is parsed once. Its memory
// is used again for the next one. One a thread.
class Parsed {
public:
    Parsed();
    ~Parsed();
    void clear();
    // The tree of this very text?
    bool is_of(std::string_view text) const;

private:
    friend class Decoder;
    friend class Encoder;
    struct State;
    std::unique_ptr<State> state_;
};

class Decoder {
public:
    // Errors: config (the schema is wrong, the encoding is not available).
    static Result<Decoder> make(Encoding encoding, const SchemaConfig& schema, std::string key_pointer,
                                Limits limits);

    // Nothing is looked at: any bytes are a body.
    bool is_pass_through() const;

    // Checks `body` and makes what the handler sees: `out` borrows from `body`, or from `scratch` where the
    // text had to be made. `key`, if not null, gets the value at the key pointer: a string's text, another
    // value's JSON. One parse. `keep`, if not null, is left holding the tree of `out`.
    std::optional<Failure> decode(std::string_view body, std::string& scratch, std::string_view& out,
                                  std::string* key, Parsed* keep = nullptr) const;

private:
    Encoding encoding_ = Encoding::none;
    std::shared_ptr<const Schema> schema_;  // shared: copies of a decoder compile it once
    bool any_object_ = false;
    std::string key_pointer_;
    Limits limits_;
};

class Encoder {
public:
    // Errors: as Decoder's.
    static Result<Encoder> make(Encoding encoding, const SchemaConfig& schema, Limits limits);

    // Any bytes are taken as they are.
    bool is_pass_through() const;

    // Makes the queue's bytes of `body`, which is encoded as `from`: json for what a handler of a json or
    // msgpack input sends, none for raw bytes. `out` borrows from `body`, or from `scratch`. `parsed`, if not
    // null and of this body, spares the parse.
    std::optional<Failure> encode(std::string_view body, Encoding from, std::string& scratch,
                                  std::string_view& out, const Parsed* parsed = nullptr) const;

private:
    Encoding encoding_ = Encoding::none;
    std::shared_ptr<const Schema> schema_;
    bool any_object_ = false;
    Limits limits_;
};

}  // namespace volley::codec
