#include "load_arguments.hpp"

#include <cstdint>
#include <string>

namespace volley::cli {

CLI::Range number_of_messages() { return CLI::Range(std::uint64_t{0}, std::uint64_t{1'000'000'000'000'000}); }

void add_load(CLI::App* verb, Send& load, const char* saved_name) {
    verb->add_option("BODY", load.bodies, "Messages");
    verb->add_option("-f,--file", load.file, "A file with one message a line; - is standard input");
    CLI::Option* saved =
        verb->add_flag(saved_name, load.json,
                       "Each line of the file is an object as peek --json prints it: body, key, "
                       "headers; the bytes are sent as they were");
    saved->needs("--file");
    verb->add_option("-k,--key", load.key, "The key of each message")->excludes(saved);
    verb->add_option("-H,--header", load.headers, "A header as name:value; may be repeated")
        ->allow_extra_args(false)
        ->excludes(saved);
    verb->add_option("--rate", load.rate, "At most so many messages a second")->check(number_of_messages());
    verb->add_flag("-t,--template", load.fills, "Fill {{n}}, {{uuid}} and {{now}} in bodies, key and headers")
        ->excludes(saved);
}

void add_bench_options(CLI::App* verb, Bench& bench) {
    // A list, such as that of the bodies, would take the name, too.
    verb->add_option_function<std::string>(
        "COMPONENT", [&bench](const std::string& name) { bench.component = name; },
        "Whose input gets the messages");
    add_load(verb, bench.load, "--saved");
    verb->get_option("COMPONENT")->required();
    verb->add_option("-n,--count", bench.load.count, "Send so many messages in all, over and over")
        ->check(number_of_messages());
    verb->add_option("-d,--duration", bench.duration,
                     "Send for so long, such as 30s; default: 10s, or --count");
    verb->add_option("--ahead", bench.ahead, "Without --rate: let so many messages wait at most")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}))
        ->capture_default_str();
    verb->add_flag("--mix", bench.mix, "Run although the queue is not empty");
    verb->add_flag("--json", bench.json, "The result as one object");
}

}  // namespace volley::cli
