// Checks of a consumer and a producer under conditions that are not kind: a killed process, a full disk, many
// messages.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>

#include "plugin_check/consumer_rig.hpp"
#include "plugin_check/producer_rig.hpp"
#include "plugin_check/resources.hpp"
#include "plugin_check/samples.hpp"
#include "plugin_check/suite.hpp"

namespace volley::cli::plugin_check {

namespace {

using namespace std::chrono_literals;

// Runs `work` in a process of its own, forked before anything of the plugin is loaded here. What it returns
// comes back. `kill_it`: the process is killed then, as if by the kernel, instead of ending.
std::uint64_t in_process(bool kill_it, const std::function<std::uint64_t()>& work) {
    int ends[2];
    require(pipe(ends) == 0, "no pipe can be made", "raise the limit of open files");
    const pid_t pid = fork();
    if (pid == 0) {
        const std::uint64_t result = work();
        if (write(ends[1], &result, sizeof result) != sizeof result) _exit(1);
        if (!kill_it) _exit(0);
        for (;;) pause();
    }
    close(ends[1]);
    std::uint64_t result = 0;
    const bool came = read(ends[0], &result, sizeof result) == sizeof result;
    close(ends[0]);
    if (kill_it && pid > 0) kill(pid, SIGKILL);
    int status = 0;
    waitpid(pid, &status, 0);
    require(came, "another process that used the plugin has crashed", "see the other checks");
    return result;
}

Verdict killed_consumer(const Setting& consumer, const Setting& producer) {
    constexpr std::size_t count = 10;
    in_process(false, [&] {
        ConsumerRig rig(consumer);
        rig.start();
        if (rig.is_log()) inapplicable("a log is read on from the committed offset");
        rig.empty_queue();
        rig.end();
        ProducerRig writer(producer);
        writer.start();
        writer.store(plain_messages(count));
        writer.end();
        return std::uint64_t{0};
    });
    constexpr std::uint64_t none = ~std::uint64_t{0};
    const std::uint64_t lease_ms = in_process(true, [&] {
        ConsumerRig& rig = *new ConsumerRig(consumer);  // never closed: the process is killed
        rig.start();
        const auto came = rig.consume_all(count, 2s);
        return came.empty() ? none : std::uint64_t{came.front().lease_ms};
    });
    if (lease_ms == none) inapplicable("the store is in the process, and ends with it");
    if (lease_ms > 40'000)
        inapplicable("a lease is " + std::to_string(lease_ms / 1000) + " s; give --config a shorter one");
    ConsumerRig rig(consumer);
    rig.start();
    const auto again = rig.consume_all(count, std::chrono::milliseconds(lease_ms) + 5s);
    require(again.size() == count,
            "after a consumer was killed, " + std::to_string(again.size()) + " of its 10 messages came again",
            "what is not settled is delivered again: when its lease is over, or at once");
    rig.settle_all(again, VOLLEY_ACK);
    rig.end();
    return conformance::passed();
}

// While no file of the process can grow, as on a full disk. A store elsewhere does not notice.
Verdict full_disk(const Setting& consumer, const Setting& producer) {
    std::signal(SIGXFSZ, SIG_IGN);  // as in the engine
    ConsumerRig rig(consumer);
    ProducerRig writer(producer);
    rig.start();
    writer.start();
    rig.empty_queue();
    if (rig.reached_end()) inapplicable("the source is bounded");
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    rlimit none = before;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_FSIZE, &none);
    std::vector<const volley_record*> records;
    for (std::size_t i = 0; i < 20; ++i)
        records.push_back(&writer.reports().add(plain(i), "", producer.value));
    std::uint32_t accepted = 0;
    writer.offer(records, accepted);  // it may refuse them, with a passing error
    const auto end = std::chrono::steady_clock::now() + 1s;
    while (writer.reports().due() > 0 && std::chrono::steady_clock::now() < end) {
        writer.poll(0);
        writer.flush(100);
    }
    setrlimit(RLIMIT_FSIZE, &before);
    writer.wait_for_reports();
    std::size_t stored = 0;
    for (const volley_record* record : records)
        stored += writer.reports().status_of(record->token) == VOLLEY_OK ? 1U : 0U;
    const auto came = rig.consume_all(stored, 5s);
    require(came.size() == stored,
            "on a full disk " + std::to_string(stored) + " records were reported with VOLLEY_OK, and " +
                std::to_string(came.size()) + " came",
            "report VOLLEY_OK when a record is durable, and not before");
    rig.settle_all(came, VOLLEY_ACK);
    writer.store(plain_messages(5));
    const auto later = rig.consume_all(5, 5s);
    require(later.size() == 5, "after a full disk " + std::to_string(later.size()) + " of 5 messages came",
            "go on when there is room");
    rig.settle_all(later, VOLLEY_ACK);
    rig.empty_queue();
    writer.end();
    rig.end();
    return conformance::passed(std::to_string(stored) + " of 20 records were stored meanwhile");
}

Verdict steady(const Setting& consumer, const Setting& producer) {
    ConsumerRig rig(consumer);
    ProducerRig writer(producer);
    rig.start();
    writer.start();
    rig.empty_queue();
    if (rig.reached_end()) inapplicable("the source is bounded");
    const auto round = [&] {
        writer.store(plain_messages(200));
        const auto came = rig.consume_all(200, 5s);
        require(came.size() == 200, "of 200 messages " + std::to_string(came.size()) + " came",
                "deliver all");
        rig.settle_all(came, VOLLEY_ACK);
        writer.reports().forget();
    };
    for (int i = 0; i < 5; ++i) round();
    const Resources before = resources();
    for (int i = 0; i < 10; ++i) round();
    const Resources after = resources();
    require(after.descriptors <= before.descriptors, "2,000 messages leave descriptors open",
            "close what a message needs");
    const std::size_t bytes =
        after.memory_bytes > before.memory_bytes ? after.memory_bytes - before.memory_bytes : 0;
    constexpr std::size_t most_bytes = 2000 * 16;
    require(bytes <= most_bytes,
            "2,000 messages that were acked and reported leave " + std::to_string(bytes) + " bytes",
            "free at settle and at the report what a message needs");
    writer.end();
    rig.end();
    return conformance::passed();
}

}  // namespace

std::vector<Check> hardship_checks() {
    return {
        {"steady", "Messages that are done leave no memory behind", Of::pair, true, &steady},
        {"full-disk", "While no file can grow, nothing is reported as stored that is not", Of::pair, true,
         &full_disk},
        {"killed-consumer", "What a killed consumer had comes again", Of::pair, true, &killed_consumer},
    };
}

}  // namespace volley::cli::plugin_check
