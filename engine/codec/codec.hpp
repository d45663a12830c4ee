// Converts between the bytes of a queue and the text that schemas and handlers see. A Decoder serves an input
// queue, an Encoder an output queue. Neither changes after it is made: any thread may use them, each with a
// scratch buffer of its own.
//
// JSON must be UTF-8, at most 64 levels deep, without NaN and Infinity. Numbers keep all digits, because the
// text is passed on unchanged. Duplicate keys in an object are passed on, too, but refused if there is a
// schema: the handler must read what the schema has checked. In MessagePack, whole numbers are exact or
// refused; others become the nearest double.
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

// Returns the serializer of a queue. The default is json if there is a schema or if the bodies of the
// connector are JSON, otherwise none.
Encoding encoding_of(const QueueConfig& queue, bool connector_has_json);

struct Limits {
    std::uint64_t max_message_bytes = 0;
};

// Why a body can never be used. The text names the position, the rule and the value, as JSON and shortened.
struct Failure {
    std::uint32_t reason = 0;  // VOLLEY_REASON_DECODE, _SCHEMA or _TOO_LARGE
    std::string text;
};

class Schema;  // a compiled JSON Schema

// The tree of a decoded body, so that encoders of the same text need not parse it again. Reuses its memory.
// Use one per thread.
class Parsed {
public:
    Parsed();
    ~Parsed();
    void clear();
    // Whether this is the tree of the given text.
    bool is_of(std::string_view text) const;

private:
    friend class Decoder;
    friend class Encoder;
    struct State;
    std::unique_ptr<State> state_;
};

class Decoder {
public:
    // Errors: config (the schema is invalid, or the encoding is not available).
    static Result<Decoder> make(Encoding encoding, const SchemaConfig& schema, std::string key_pointer,
                                Limits limits);

    // Whether any bytes are accepted without a check.
    bool is_pass_through() const;

    // Checks `body` and sets `out` to what the handler sees. `out` borrows from `body`, or from `scratch` if
    // the text was converted. `key`, if not null, gets the value at the key pointer: the text of a string, or
    // the JSON of another value. Parses once. `keep`, if not null, gets the tree of `out`.
    std::optional<Failure> decode(std::string_view body, std::string& scratch, std::string_view& out,
                                  std::string* key, Parsed* keep = nullptr) const;

private:
    Encoding encoding_ = Encoding::none;
    std::shared_ptr<const Schema> schema_;  // shared, so that copies of a decoder compile it once
    bool any_object_ = false;
    std::string key_pointer_;
    Limits limits_;
};

class Encoder {
public:
    // Errors: as of Decoder.
    static Result<Encoder> make(Encoding encoding, const SchemaConfig& schema, Limits limits);

    // Whether any bytes are passed on unchanged.
    bool is_pass_through() const;

    // Converts `body` to the bytes of the queue. `from` is the encoding of `body`: json for what a handler of
    // a json or msgpack input sends, none for raw bytes. `out` borrows from `body` or from `scratch`. If
    // `parsed` is the tree of this body, it is not parsed again.
    std::optional<Failure> encode(std::string_view body, Encoding from, std::string& scratch,
                                  std::string_view& out, const Parsed* parsed = nullptr) const;

private:
    Encoding encoding_ = Encoding::none;
    std::shared_ptr<const Schema> schema_;
    bool any_object_ = false;
    Limits limits_;
};

}  // namespace volley::codec
