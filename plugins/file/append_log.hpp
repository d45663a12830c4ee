// A file to which whole lines are appended: locked, so that only this process writes it, repaired when it is
// opened, and rotated. All producers of this process that write one path share it. Not thread-safe: hold
// mutex().
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

    // Opens or makes the file, and cuts off what a killed process left unfinished at its end. Does nothing if
    // it is open. Throws Error{config} if a person must act, Error{retry} if another process writes it.
    void open();
    // Whether a line still fits into the file, behind so many bytes that are to be appended. An empty file
    // takes a line of any size.
    bool has_room(std::size_t before, std::size_t line) const;
    // Renames the file and begins a new one. Throws system_error.
    void rotate();
    // Writes all of it or nothing. Opens a new file if the file has lost its name. Throws system_error.
    void append(std::string_view lines);
    // What was appended is on disk, unless `fsync` is never. Throws system_error; then it is not in the file.
    void sync();
    // Grows when something that was appended and not synced was lost.
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
    std::int64_t begun_s_ = 0;  // Unix; when the file was made
    bool is_torn_ = false;      // a failed write could not be taken back
    std::uint64_t losses_ = 0;
};

// The AppendLog of a path, shared by all of this process that use it. Throws Error{config} if another queue
// writes the path with other settings. Thread: any.
std::shared_ptr<AppendLog> append_log_of(const FileConfig& config, const AppendLog::Tell& tell);

}  // namespace volley::file
