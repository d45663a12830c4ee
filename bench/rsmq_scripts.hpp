// What the bare loop runs inside Redis: each takes a batch, so that a message costs a share of four commands,
// not four commands. KEYS: the queue's sorted set and its hash. Time is Redis', never the client's. A receive
// count (rc) is the receipt: an ack or a change of visibility of somebody who holds an older one does
// nothing.
#pragma once

namespace volley::rsmq {

// ARGV: how many. Returns {now, vt, id, body, rc, fr, …}, or {now, vt} and when the next becomes visible, if
// there is one.
inline constexpr char receive_script[] = R"lua(
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local vt = redis.call('HGET', KEYS[2], 'vt')
if not vt then return redis.error_reply('TRYAGAIN the queue is gone') end
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
local out = {now, vt}
if #ids == 0 then
  local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  if next[2] then out[3] = next[2] end
  return out
end
local wanted = {}
for i, id in ipairs(ids) do
  wanted[3 * i - 2] = id
  wanted[3 * i - 1] = id .. ':rc'
  wanted[3 * i] = id .. ':fr'
end
local got = redis.call('HMGET', KEYS[2], unpack(wanted))
local scores, fields, ghosts, n = {}, {}, {}, 0
for i, id in ipairs(ids) do
  local body = got[3 * i - 2]
  if body then
    local rc = (tonumber(got[3 * i - 1]) or 0) + 1
    local fr = got[3 * i]
    scores[#scores + 1] = now + vt * 1000
    scores[#scores + 1] = id
    fields[#fields + 1] = id .. ':rc'
    fields[#fields + 1] = rc
    if not fr then
      fr = now
      fields[#fields + 1] = id .. ':fr'
      fields[#fields + 1] = now
    end
    out[#out + 1] = id
    out[#out + 1] = body
    out[#out + 1] = rc
    out[#out + 1] = fr
    n = n + 1
  else
    ghosts[#ghosts + 1] = id
  end
end
if #ghosts > 0 then redis.call('ZREM', KEYS[1], unpack(ghosts)) end
if n > 0 then
  redis.call('ZADD', KEYS[1], unpack(scores))
  redis.call('HSET', KEYS[2], unpack(fields))
  redis.call('HINCRBY', KEYS[2], 'totalrecv', n)
end
return out
)lua";

}  // namespace volley::rsmq
