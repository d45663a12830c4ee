// A file to which complete lines are appended. It is locked, so that only this process writes it, repaired
// when it is opened, and rotated. All producers of this process that write one path share it. Not
// thread-safe: hold mutex().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "config.hpp"
#include "descriptor.hpp"

namespace volley::file {

class AppendLog {
public:
    using Tell = std::function<void(const std::string&)>;  // a warning

    AppendLog(const FileConfig& config, Tell tell);
    ~AppendLog();
    AppendLog(const AppendLog&) = delete;
    AppendLog& operator=(const AppendLog&) = delete;

    std::mutex& mutex() { return mutex_; }
    const FileConfig& config() const { return config_; }

    // Opens or creates the file, and cuts off the unfinished line that a killed process left at its end. Does
    // nothing if it is open. Throws Error{config} if an operator must act, Error{retry} if another process
    // writes it.
    void open();
    // Whether a line still fits into the file, after this number of bytes that are still to be appended. An
    // empty file accepts a line of any size.
    bool has_room(std::size_t before, std::size_t line) const;
    // Renames the file and begins a new one. Throws system_error.
    void rotate();
    // Writes all of it or nothing. Opens a new file if the file has lost its name. Throws system_error.
    void append(std::string_view lines);
    // Syncs the appended lines to disk, unless `fsync` is never. Throws system_error; then the lines are not
    // in the file.
    void sync();
    // Increases when appended lines that were not synced are lost.
    std::uint64_t losses() const { return losses_; }

private:
    std::string active_path() const { return config_.path + config_.part_suffix; }
    void follow_path();
    void repair();
    void save_torn(std::string_view torn);
    void drop_unsynced();
    void throw_if_deleted();
    std::string finished_path() const;

    FileConfig config_;
    Tell tell_;
    std::mutex mutex_;
    Descriptor fd_;
    FileId id_;
    std::uint64_t size_ = 0;
    std::uint64_t synced_size_ = 0;
    std::int64_t begun_s_ = 0;  // Unix; when the file was created
    bool is_torn_ = false;      // a failed write could not be undone
    std::uint64_t losses_ = 0;
};

// The AppendLog of a path, shared within this process. Throws Error{config} if another queue writes the path
// with different settings. Thread: any.
std::shared_ptr<AppendLog> append_log_of(const FileConfig& config, const AppendLog::Tell& tell);

}  // namespace volley::file
