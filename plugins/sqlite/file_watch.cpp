#include "file_watch.hpp"

#include <sys/stat.h>

namespace volley::sqlite {

namespace {

// A copy in progress grows more often than this.
constexpr std::chrono::seconds at_rest_after{1};

}  // namespace

bool FileWatch::remember() {
    struct stat status {};
    if (::stat(path_.c_str(), &status) != 0) return false;
    opened_ = {status.st_dev, status.st_ino, status.st_size};
    other_ = {};
    return true;
}

FileWatch::State FileWatch::look() {
    struct stat status {};
    if (::stat(path_.c_str(), &status) != 0) return State::gone;
    const File now{status.st_dev, status.st_ino, status.st_size};
    if (now.is_same(opened_)) return State::same;
    const auto time = std::chrono::steady_clock::now();
    if (!now.is_same(other_) || now.size != other_.size) {
        other_ = now;
        since_ = time;
    }
    return now.size == 0 || time - since_ < at_rest_after ? State::changing : State::replaced;
}

}  // namespace volley::sqlite
