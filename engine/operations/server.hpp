// The HTTP server for operators and orchestrators: /healthz, /readyz, /metrics, the API (api.hpp), and a
// dashboard that uses it. Reads only snapshots, so requests never delay messages. The health checks are open
// to every client; access.hpp decides who gets the rest.
#pragma once

#include <memory>
#include <string>

#include "operations/controls.hpp"
#include "volley/config.hpp"
#include "volley/error.hpp"

namespace volley::operations {

class Server {
public:
    Server();
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Binds, and serves in threads of its own until stop(). If the default port is taken, it uses a free one
    // and logs a warning. Errors: config (the address is invalid or taken), retry (the process has no more
    // descriptors or threads). Calls `controls` from the server's thread until stop() returns.
    Result<void> start(const OperationsConfig& config, Controls controls);
    // Returns false if a thread is left behind that waits for a connector: then the process must not end by
    // exit().
    bool stop();
    // "127.0.0.1:3000"; empty while it is not serving.
    std::string address() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace volley::operations
