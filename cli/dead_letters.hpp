// `volley dlq`: dead letters listed, shown, exported, sent again and deleted, through the queue's own
// connector and without a running engine. A letter is removed only once its message is confirmed elsewhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/catalog.hpp"
#include "queues/letter_filter.hpp"
#include "volley/config.hpp"

namespace volley::cli {

struct DeadLetters {
    std::string queue;             // empty: the only dead-letter queue of the configuration
    std::vector<std::string> ids;  // as `list` shows them
    bool all = false;              // instead of ids: what was there when the command began
    queues::LetterChoice choice;   // with all, and in lists: only these
    std::uint64_t rate = 0;        // retry, delete: letters a second; 0: as fast as it goes
    std::uint64_t limit = 20;      // of a list
    std::string to;                // retry: into this queue; empty: where the message came from
    bool edit = false;             // retry: after its body was changed in an editor
    bool dry_run = false;          // say what would be done
    bool json = false;             // one object a letter
    bool as_test = false;          // show: as a file for `volley test`
};

// Each prints data to standard output and the rest to standard error, and returns the exit code: 1 if some
// letters could not be dealt with.
int list_dead_letters(const Config& config, plugins::Catalog& catalog, const DeadLetters& options);
int show_dead_letters(const Config& config, plugins::Catalog& catalog, const DeadLetters& options);
int export_dead_letters(const Config& config, plugins::Catalog& catalog, const DeadLetters& options);
int retry_dead_letters(const Config& config, plugins::Catalog& catalog, const DeadLetters& options);
int delete_dead_letters(const Config& config, plugins::Catalog& catalog, const DeadLetters& options);

}  // namespace volley::cli
