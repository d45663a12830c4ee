"""libvolley as a stranger has it: installed, found by CMake, and used by programs outside of the tree."""

import sqlite3
import subprocess

from support.install import build_outside
from support.servers import ROOT

MISUSE = """
#include <iostream>
#include <volley/engine.hpp>
int main() {
    volley::EngineOptions both;
    both.file = "volley.yml";
    both.config.emplace();
    volley::EngineOptions neither;
    for (auto& options : {both, neither}) {
        auto engine = volley::Engine::make(options);
        if (engine) return 1;
        std::cout << engine.error().text << "\\n";
    }
    volley::EngineOptions wrong;
    wrong.config.emplace();
    wrong.config->queues.resize(1);
    wrong.config->queues[0].name = "here";
    wrong.config->queues[0].type = "memory";
    wrong.config->components.resize(1);
    wrong.config->components[0].input = "nowhere";
    auto engine = volley::Engine::make(wrong);
    std::cout << (engine ? "made" : engine.error().text) << "\\n";
    return engine ? 1 : 0;
}
"""

STOPPED = """
#include <iostream>
#include <thread>
#include <volley/engine.hpp>
int main() {
    volley::EngineOptions options;
    options.file = "volley.yml";
    options.log = false;
    auto engine = volley::Engine::make(std::move(options));
    if (!engine) return std::cerr << engine.error().text, 78;
    std::thread stopper([&] {
        while ((*engine)->status().front().done == 0) std::this_thread::yield();
        (*engine)->stop();
    });
    const int code = (*engine)->run();
    stopper.join();
    std::cout << (*engine)->metrics();
    return code;
}
"""


LINKED = """
#include <iostream>
#include <volley/engine.hpp>
#include <volley/plugin.hpp>
struct Numbers : volley::Consumer {
    explicit Numbers(const volley::Context&) {}
    std::optional<volley::QueueMessage> consume(std::string_view) override {
        if (given == 100) return std::nullopt;
        return volley::QueueMessage{std::to_string(given), std::to_string(given++)};
    }
    bool delete_message(std::string_view, std::string_view) override { return ++deleted > 0; }
    bool on_fail(std::string_view, std::string_view) override { return true; }
    static inline int given = 0, deleted = 0;
};
VOLLEY_PLUGIN("numbers", "1.0.0", VOLLEY_CLASS(Numbers));
int main() {
    volley::EngineOptions options;
    options.file = "linked.yml";
    options.plugins["numbers"] = volley_plugin_v1(nullptr, nullptr);
    options.handlers["double"] = [](const volley::Message& m, volley::Outputs& out) {
        out.send("out", std::to_string(2 * std::stoi(std::string(m.body()))));
    };
    options.exit_when_idle = true;
    auto engine = volley::Engine::make(std::move(options));
    if (!engine) return std::cerr << engine.error().text, 78;
    const int code = (*engine)->run();
    std::cout << Numbers::deleted << " deleted\\n";
    return code;
}
"""


def test_the_example_is_built_outside_and_runs(tmp_path):
    build = build_outside(tmp_path, ROOT / "examples" / "embedded")
    ended = subprocess.run([build / "embedded"], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (0, "1000 done\n"), ended.stderr
    assert len((ROOT / "examples" / "embedded" / "main.cpp").read_text().splitlines()) < 30


def test_a_file_and_a_config_are_told_apart_and_a_stop_from_another_thread_drains(tmp_path):
    source = tmp_path / "programs"
    source.mkdir()
    (source / "misuse.cpp").write_text(MISUSE)
    (source / "stopped.cpp").write_text(STOPPED)
    (source / "linked.cpp").write_text(LINKED)
    (source / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(programs LANGUAGES CXX)\nfind_package(volley REQUIRED)\n"
        "foreach(name misuse stopped linked)\n  add_executable(${name} ${name}.cpp)\n"
        "  target_link_libraries(${name} PRIVATE volley::volley)\nendforeach()\n")
    build = build_outside(tmp_path, source)
    misuse = subprocess.run([build / "misuse"], capture_output=True, text=True, timeout=60)
    assert misuse.returncode == 0, misuse.stdout
    assert "not both" in misuse.stdout and "needs a configuration" in misuse.stdout and '"nowhere"' in misuse.stdout
    (tmp_path / "volley.yml").write_text(
        "queues: {in: {type: memory, config: {generate: 100000000}}, out: {type: memory, config: {discard: true}}}\n"
        "components: [{input: in, outputs: [out], handler: forward, on_fail: requeue}]\noperations: off\n")
    stopped = subprocess.run([build / "stopped"], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert stopped.returncode == 0, stopped.stderr
    assert 'volley_messages_settled_total{' in stopped.stdout
    # A connector in the program itself, one that is loaded, and a lambda, by one file.
    (tmp_path / "linked.yml").write_text(
        "queues: {in: {type: numbers}, out: {type: sqlite}}\n"
        "components: [{name: double, input: in, outputs: [out], on_fail: stop}]\noperations: off\n")
    linked = subprocess.run([build / "linked"], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert (linked.returncode, linked.stdout) == (0, "100 deleted\n"), linked.stderr
    rows = sqlite3.connect(tmp_path / "volley.db").execute("SELECT body FROM volley_messages WHERE queue = 'out'").fetchall()
    assert sorted(int(body) for (body,) in rows) == list(range(0, 200, 2))
