// What the bare loop runs inside Redis to receive a batch: four commands for all of it, not four a message.
// KEYS: the queue's sorted set and its hash. Time is Redis', never the client's.
#pragma once

namespace bench {

// ARGV: how many. Returns {now, ids, bodies, place and receive count of each that was received before}; {now}
// of an empty queue. It knows no ids without a body, no bodies beyond a limit, and no leases under a second.
inline constexpr char receive_script[] = R"lua(
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
local n = #ids
if n == 0 then return {now} end
local wanted = {}
for i = 1, n do
  wanted[i] = ids[i]
  wanted[n + i] = ids[i] .. ':rc'
end
local got = redis.call('HMGET', KEYS[2], unpack(wanted))
local vt = redis.call('HGET', KEYS[2], 'vt')
local until_ms, now_ms = string.format('%.0f', now + vt * 1000), string.format('%.0f', now)
local scores, fields, again, m = {}, {}, {}, 0
for i = 1, n do
  local rc = got[n + i]
  scores[2 * i - 1] = until_ms
  scores[2 * i] = ids[i]
  fields[m + 1] = wanted[n + i]
  if rc then
    fields[m + 2] = rc + 1
    m = m + 2
    again[#again + 1] = i
    again[#again + 1] = rc + 1
  else
    fields[m + 2] = '1'
    fields[m + 3] = ids[i] .. ':fr'
    fields[m + 4] = now_ms
    m = m + 4
  end
end
redis.call('ZADD', KEYS[1], unpack(scores))
redis.call('HSET', KEYS[2], unpack(fields))
redis.call('HINCRBY', KEYS[2], 'totalrecv', n)
got[n + 1] = nil
return {now, ids, got, again}
)lua";

}  // namespace bench
