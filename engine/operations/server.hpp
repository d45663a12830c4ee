// What operators and orchestrators ask over HTTP: /healthz, /readyz, /metrics, and a page that links them.
// Reads snapshots only, so that nobody who asks slows a message down. Never echoes what it was asked. The
// probes are open to whoever reaches them; access.hpp says who may see the page.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "runtime/snapshot.hpp"
#include "volley/config.hpp"
#include "volley/error.hpp"

namespace volley::operations {

class Server {
public:
    Server();
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Binds, and serves from threads of its own until stop(). A port that was not asked for and is taken
    // becomes a free one, with a warning. Errors: config (the address is wrong or taken), retry (the process
    // is out of descriptors or threads). `snapshot` is called from any thread.
    Result<void> start(const OperationsConfig& config, std::function<runtime::EngineSnapshot()> snapshot);
    void stop();
    // "127.0.0.1:3000"; empty while it does not serve.
    std::string address() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace volley::operations
