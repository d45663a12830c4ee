// Decides which record is sent next: in the order of acceptance, and one at a time per key. Pure. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

#include "volley/plugin.h"

namespace volley::http {

class SendQueue {
public:
    // The record's views must stay valid until it is done.
    void add(const volley_record& record);
    // The next record that may be sent; its key is busy until done().
    std::optional<volley_record> next();
    // The record has been sent or given up: the next of its key may be sent.
    void done(const volley_record& record);
    // Takes all records that have not been started.
    std::deque<volley_record> take_all();
    // Takes the records of the same key that have not been started, in order: none of them may overtake this
    // one.
    std::deque<volley_record> take_behind(const volley_record& record);

    std::size_t size() const { return size_; }  // not started

private:
    struct Key {
        std::deque<volley_record> waiting;  // behind the busy one
    };
    std::deque<volley_record> ready_;
    std::unordered_map<std::string, Key> busy_;  // keys of which one is ready or sent
    std::size_t size_ = 0;
};

}  // namespace volley::http
