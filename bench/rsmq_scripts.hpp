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

// ARGV: id, rc, … Deletes those whose receipt is valid. Returns 1 or 0 for each.
inline constexpr char ack_script[] = R"lua(
local wanted = {}
for i = 1, #ARGV, 2 do wanted[#wanted + 1] = ARGV[i] .. ':rc' end
local rcs = redis.call('HMGET', KEYS[2], unpack(wanted))
local ids, fields, out = {}, {}, {}
for i = 1, #rcs do
  local id = ARGV[2 * i - 1]
  if rcs[i] == ARGV[2 * i] then
    ids[#ids + 1] = id
    fields[#fields + 1] = id
    fields[#fields + 1] = id .. ':rc'
    fields[#fields + 1] = id .. ':fr'
    out[i] = 1
  else
    out[i] = 0
  end
end
if #ids > 0 then
  redis.call('ZREM', KEYS[1], unpack(ids))
  redis.call('HDEL', KEYS[2], unpack(fields))
end
return out
)lua";

// ARGV: id, rc, delay in ms, … Makes those whose receipt is valid visible after the delay. Returns 1 or 0 for
// each.
inline constexpr char visibility_script[] = R"lua(
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local wanted = {}
for i = 1, #ARGV, 3 do wanted[#wanted + 1] = ARGV[i] .. ':rc' end
local rcs = redis.call('HMGET', KEYS[2], unpack(wanted))
local scores, out = {}, {}
for i = 1, #rcs do
  if rcs[i] == ARGV[3 * i - 1] then
    scores[#scores + 1] = now + ARGV[3 * i]
    scores[#scores + 1] = ARGV[3 * i - 2]
    out[i] = 1
  else
    out[i] = 0
  end
end
if #scores > 0 then redis.call('ZADD', KEYS[1], 'XX', unpack(scores)) end
return out
)lua";

// ARGV: channel of the realtime option or ''; then id, body, delay in ms or '' for the queue's, … An id that
// is there already is a send whose reply was lost: it is not stored twice. Returns how many were new.
inline constexpr char send_script[] = R"lua(
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local queue = redis.call('HMGET', KEYS[2], 'vt', 'delay')
if not queue[1] then return redis.error_reply('TRYAGAIN the queue is gone') end
local usual = (tonumber(queue[2]) or 0) * 1000
local wanted = {}
for i = 2, #ARGV, 3 do wanted[#wanted + 1] = ARGV[i] end
local there = redis.call('HMGET', KEYS[2], unpack(wanted))
local scores, fields, n = {}, {}, 0
for i = 1, #there do
  if not there[i] then
    local at = 3 * i - 1
    local delay = tonumber(ARGV[at + 2]) or usual
    scores[#scores + 1] = now + delay
    scores[#scores + 1] = ARGV[at]
    fields[#fields + 1] = ARGV[at]
    fields[#fields + 1] = ARGV[at + 1]
    n = n + 1
  end
end
if n > 0 then
  redis.call('ZADD', KEYS[1], unpack(scores))
  redis.call('HSET', KEYS[2], unpack(fields))
  redis.call('HINCRBY', KEYS[2], 'totalsent', n)
  if ARGV[1] ~= '' then redis.call('PUBLISH', ARGV[1], redis.call('ZCARD', KEYS[1])) end
end
return n
)lua";

}  // namespace volley::rsmq
