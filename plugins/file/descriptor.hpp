// File descriptors, and connector errors for failed system calls.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "volley/error.hpp"

namespace volley::file {

// Closes the descriptor.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept;
    ~Descriptor();

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

private:
    int fd_ = -1;
};

// Identifies a file independently of its name.
struct FileId {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t born_ns = 0;  // creation time; 0: the file system does not report it
    bool operator==(const FileId& other) const = default;
};

struct FileStatus {
    FileId id;
    std::uint64_t size = 0;
    std::int64_t modified_ns = 0;
    bool is_regular = false;
    bool is_folder = false;
    bool has_name = true;  // false: it was deleted
};

// Each returns false with errno set if the call fails.
bool status_of(int fd, FileStatus& out);
bool status_of(const std::string& path, FileStatus& out);

// The error of `what`, for an operator: "PATH: cannot be opened: No such file or directory". A full disk, a
// missing folder and the like are temporary errors.
Error system_error(const std::string& path, const char* what, int error_number);

// Reads at `offset` until `size` bytes are read or the file ends. Returns how many were read; throws
// system_error.
std::size_t read_at(int fd, const std::string& path, char* to, std::size_t size, std::uint64_t offset);

// Syncs the folder of `path`, so that a name in it survives a power failure. Throws system_error.
void sync_folder_of(const std::string& path);

}  // namespace volley::file
