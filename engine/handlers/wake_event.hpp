// Ends a poll() of another thread, or the next one: an eventfd.
#pragma once

namespace volley::handlers {

class WakeEvent {
public:
    // Throws Error: retry (there is no descriptor left).
    WakeEvent();
    ~WakeEvent();
    WakeEvent(const WakeEvent&) = delete;
    WakeEvent& operator=(const WakeEvent&) = delete;

    int descriptor() const { return descriptor_; }  // readable once it is set
    void set() const;                               // thread: any
    void clear() const;

private:
    int descriptor_;
};

}  // namespace volley::handlers
