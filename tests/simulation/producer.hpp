// The model store's producer. It keeps what it accepted until it reports it: at once, from poll, flush or
// close, or from the turn of another thread.
#pragma once

#include <vector>

#include "store.hpp"

namespace simulation {

class Producer {
public:
    Producer(Process& process, const volley_options& options, volley_report_fn report, void* context);
    ~Producer();
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;

    std::int32_t open(volley_error* error);
    std::int32_t produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                         std::uint32_t* accepted, volley_error* error);
    void poll();
    std::int32_t flush();
    std::int32_t close();

    bool has_pending() const { return !pending_.empty(); }
    void report_one();
    bool breaks(Breach breach);
    Process& process() { return process_; }

private:
    struct Pending {
        volley_record record{};
        int message = -1;
        int output = 0;
    };

    void report_again(std::uint64_t token);
    std::int32_t decide(const Pending& pending);
    void report_all();

    Process& process_;
    World& world_;
    volley_report_fn report_fn_;
    void* context_;
    bool dead_letters_ = false;
    int queue_ = 0;
    bool is_open_ = false;
    std::vector<Pending> pending_;
    std::uint64_t last_token_ = 0;  // reported
    std::vector<std::uint64_t> old_tokens_;
};

}  // namespace simulation
