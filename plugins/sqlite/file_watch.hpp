// Detects whether the file at a path is still the one that was opened. A database may be moved, deleted, or
// restored from a copy while the engine runs, and SQLite continues with the file that no longer has a name.
// Thread: one at a time.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

namespace volley::sqlite {

class FileWatch {
public:
    enum class State {
        same,
        gone,      // there is no file
        changing,  // there is another one, which is empty or may still be written: a copy takes its time
        replaced,  // there is another one
    };

    explicit FileWatch(std::string path) : path_(std::move(path)) {}

    // Records the current file as the one that was opened. Returns false if there is none.
    bool remember();
    // One system call.
    State look();
    ino_t inode() const { return opened_.inode; }

private:
    struct File {
        dev_t device = 0;
        ino_t inode = 0;
        off_t size = 0;
        bool is_same(const File& other) const { return device == other.device && inode == other.inode; }
    };

    std::string path_;
    File opened_;
    File other_;                                   // seen instead of it
    std::chrono::steady_clock::time_point since_;  // when that last changed its size
};

}  // namespace volley::sqlite
