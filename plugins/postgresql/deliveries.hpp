// The unsettled messages of a consumer, by handle, and the pages that hold them. Thread: one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "page.hpp"

namespace volley::postgresql {

// A claimed message: the row has this token as long as no other consumer has claimed it.
struct Delivery {
    std::string id;  // of the row, as text
    std::int64_t token = 0;
    Page* page = nullptr;  // null: the slot is free
    std::uint32_t generation = 0;
    bool in_doubt = false;  // it was acked by a commit whose outcome is unknown
};

class Deliveries {
public:
    // Returns the handle.
    std::uint64_t add(std::string id, std::int64_t token, Page& page);
    // Returns null if there is none.
    Delivery* find(std::uint64_t handle);
    // Requires: find(handle). Its views end.
    void finish(std::uint64_t handle);
    std::vector<Delivery> open() const;
    void clear();

    // A page without open deliveries.
    Page& empty_page();

private:
    std::vector<Delivery> deliveries_;
    std::vector<std::uint32_t> free_;
    std::vector<std::unique_ptr<Page>> pages_;
};

}  // namespace volley::postgresql
