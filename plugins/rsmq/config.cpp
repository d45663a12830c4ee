#include "config.hpp"

#include <algorithm>

namespace volley::rsmq {

using redis::number;
using redis::wrong;
using redis::yes;

Settings read_settings(const Context& context) {
    Settings s;
    s.server = redis::read_server(context);
    s.create = yes(context, "create", s.create);
    s.realtime = yes(context, "realtime", s.realtime);
    s.envelope = yes(context, "envelope", s.envelope);
    s.vt_seconds = number(context, "vt", s.vt_seconds, 0, 9'999'999);
    s.delay_seconds = number(context, "delay", s.delay_seconds, 0, 9'999'999);
    s.maxsize = number(context, "maxsize", context.for_dead_letters() ? -1 : s.maxsize, -1, 65536);
    if (s.maxsize != -1 && s.maxsize < 1024) wrong("maxsize", "maxsize must be -1 or from 1024 to 65536");
    s.queue = context.value();
    // Accepts all names of both libraries: PyRSMQ allows anything but a colon, node's rsmq letters, digits, -
    // and _ up to 160.
    const bool is_name =
        !s.queue.empty() && s.queue.size() <= 160 && std::all_of(s.queue.begin(), s.queue.end(), [](char c) {
            return c != ':' && static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
        });
    if (!is_name) {
        throw Error(ErrorCode::config, "\"" + s.queue +
                                           "\" is not a valid RSMQ queue name: 1 to 160 bytes, without "
                                           "colons and control characters");
    }
    s.ns = context.config("ns", "rsmq") + ":";
    s.set_key = s.ns + s.queue;
    s.hash_key = s.set_key + ":Q";
    s.names_key = s.ns + "QUEUES";
    s.realtime_key = s.ns + "rt:" + s.queue;
    return s;
}

}  // namespace volley::rsmq
