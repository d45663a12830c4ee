// What runs inside Redis: each takes a batch, so that a message costs a share of four commands, not four
// commands. KEYS: the queue's sorted set and its hash. Time is Redis', never the client's. A receive count
// (rc) is the receipt: a settlement of somebody who holds an older one does nothing. A full Redis refuses a
// script's first command that may take memory, but none after one that has written: a HDEL of nothing comes
// first where messages are received and put back, for how else would the memory become free again?
#pragma once

#include <cstdint>

namespace volley::rsmq {

// Redis' Lua spreads a table over its stack; this many messages fit with room to spare.
inline constexpr std::uint32_t script_batch = 512;

// ARGV: most messages, most bytes of bodies, and the name of the stretch that begins, or ''. Returns {now,
// lease in ms, ids, bodies, place and receive count of each that was received before, stretch, totalrecv}; of
// an empty queue {now, lease} and the time at which the next message becomes visible, if there is one; {} if
// the queue is gone. A lease under a second could not be kept up by any heartbeat: then it is a second. Ids
// without a body are what a half-done delete of another client left: they are cleared away. (A list ends, for
// Redis, where Lua has nil.)
//
// A stretch is a row of receives of one consumer, of messages that were new, between which nobody else has
// received: the queue's totalrecv, which every client counts up, says so. Redis keeps it in KEYS[3], with
// the totalrecv that its last receive left. While that is so no receipt that was given in it can be out of
// date, and a commit need not look at each.
inline constexpr char receive_script[] = R"lua(
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local vt = tonumber(redis.call('HGET', KEYS[2], 'vt') or nil)
if not vt then return {} end
local lease = math.max(math.floor(vt * 1000 + 0.5), 1000)
local most, stretch, total = tonumber(ARGV[2]), ARGV[3], 0
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
local count = #ids
if count == 0 then
  return {now, lease, redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]}
end
local wanted = {}
for i = 1, count do
  wanted[i] = ids[i]
  wanted[count + i] = ids[i] .. ':rc'
end
local got = redis.call('HMGET', KEYS[2], unpack(wanted))
local until_ms, now_ms = string.format('%.0f', now + lease), string.format('%.0f', now)
local scores, fields, again, ghosts, leftovers, n, m, bytes = {}, {}, {}, {}, {}, 0, 0, 0
for i = 1, count do
  local id, body, rc = ids[i], got[i], got[count + i]
  if body then
    n = n + 1
    if n < i then
      ids[n] = id
      got[n] = body
    end
    scores[2 * n - 1] = until_ms
    scores[2 * n] = id
    fields[m + 1] = wanted[count + i]
    if rc then
      rc = (tonumber(rc) or 0) + 1
      fields[m + 2] = rc
      m = m + 2
      again[#again + 1] = n
      again[#again + 1] = rc
    else
      fields[m + 2] = '1'
      fields[m + 3] = id .. ':fr'
      fields[m + 4] = now_ms
      m = m + 4
    end
    bytes = bytes + #body
    if bytes >= most then break end
  else
    ghosts[#ghosts + 1] = id
    leftovers[#leftovers + 1] = id .. ':rc'
    leftovers[#leftovers + 1] = id .. ':fr'
  end
end
if #ghosts > 0 then
  redis.call('ZREM', KEYS[1], unpack(ghosts))
  redis.call('HDEL', KEYS[2], unpack(leftovers))
end
if n > 0 then
  redis.call('HDEL', KEYS[2], '')
  redis.call('ZADD', KEYS[1], unpack(scores))
  redis.call('HSET', KEYS[2], unpack(fields))
  total = redis.call('HINCRBY', KEYS[2], 'totalrecv', n)
  if stretch ~= '' then
    local seen = #again == 0 and redis.call('GET', KEYS[3])
    local name, last = string.match(seen or '', '^(%S+) (%d+)$')
    if name and tonumber(last) == total - n and string.match(name, '^[^/]*') == string.match(stretch, '^[^/]*') then
      stretch = name
    end
    redis.call('SET', KEYS[3], stretch .. ' ' .. string.format('%.0f', total), 'EX', 3600)
  end
end
ids[n + 1] = nil
got[n + 1] = nil
return {now, lease, ids, got, again, stretch, total}
)lua";

// ARGV: id, rc, and '' to delete or the ms after which it is visible, … Returns for each 1: done, 0: the
// receipt is not valid any more, -1: there is no such message.
inline constexpr char settle_script[] = R"lua(
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local wanted = {}
for i = 1, #ARGV / 3 do wanted[i] = ARGV[3 * i - 2] .. ':rc' end
local rcs = redis.call('HMGET', KEYS[2], unpack(wanted))
local ids, fields, scores, out, n = {}, {}, {}, {}, 0
for i = 1, #rcs do
  local id, after = ARGV[3 * i - 2], ARGV[3 * i]
  if rcs[i] == ARGV[3 * i - 1] then
    if after == '' then
      n = n + 1
      ids[n] = id
      fields[3 * n - 2] = id
      fields[3 * n - 1] = wanted[i]
      fields[3 * n] = id .. ':fr'
    else
      scores[#scores + 1] = now + after
      scores[#scores + 1] = id
    end
    out[i] = 1
  else
    out[i] = rcs[i] and 0 or -1
  end
end
if n > 0 then
  redis.call('ZREM', KEYS[1], unpack(ids))
  redis.call('HDEL', KEYS[2], unpack(fields))
end
if #scores > 0 then
  redis.call('HDEL', KEYS[2], '')
  redis.call('ZADD', KEYS[1], 'XX', unpack(scores))
end
return out
)lua";

// ARGV: channel of the realtime option or ''; how many; id, body, …; and where any has a delay, all delays in
// ms, '' for the queue's. Id and body stand as HSET wants them, so that bodies are not moved. An id that is
// there already is a send whose reply was lost: it is not stored twice. Returns {Redis' microseconds, delay,
// maxsize}; {} if the queue is gone. It publishes as often as node's rsmq would: listeners may take one
// message each time. The publish is a hint: that a user may not publish must not undo a send.
inline constexpr char send_script[] = R"lua(
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local queue = redis.call('HMGET', KEYS[2], 'vt', 'delay', 'maxsize')
if not queue[1] then return {} end
local usual = string.format('%.0f', now + (tonumber(queue[2]) or 0) * 1000)
local n = tonumber(ARGV[2])
local last = 2 + 2 * n
local scores = {}
for i = 1, n do
  local delay = tonumber(ARGV[last + i])
  scores[2 * i - 1] = delay and now + delay or usual
  scores[2 * i] = ARGV[1 + 2 * i]
end
local new = redis.call('ZADD', KEYS[1], 'NX', unpack(scores))
if new == n then
  redis.call('HSET', KEYS[2], unpack(ARGV, 3, last))
else
  for i = 3, last, 2 do redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[i + 1]) end
end
if new > 0 then
  redis.call('HINCRBY', KEYS[2], 'totalsent', new)
  if ARGV[1] ~= '' then
    local length = redis.call('ZCARD', KEYS[1])
    for sent = 1, new do redis.pcall('PUBLISH', ARGV[1], length - new + sent) end
  end
end
return {t[1] * 1000000 + t[2], queue[2] or '', queue[3] or ''}
)lua";

// Before the first commit: may this user rename at all? Returns why not; of a key that is not there Redis
// says so.
inline constexpr char may_rename_script[] = R"lua(
return redis.pcall('RENAME', KEYS[1] .. ':1', KEYS[1] .. ':2').err or ''
)lua";

// A commit of outputs and acks is one MULTI: the check below, then plain commands that store the outputs and
// delete the inputs, then the end. Plain commands, because what passes through Lua costs Redis half as much
// again; but a transaction of Redis has no way out. So where the check does not hold it renames their keys
// away: the commands between find nothing to delete and fill keys that nobody has seen, which the end drops
// before it renames the others back. To everybody else all of it is one moment.
//
// KEYS of the check: the input's set and hash, a key that remembers the last commit of this producer, the key
// of the input's stretch, then set and hash of each output.
//
// ARGV of the check: number of this commit, which ascend; the number of the commit that it follows without
// knowing that one's outcome, or ''; the time in ms that the commands were made from; the stretch that all
// the receipts are of and the totalrecv that the last of them left, which a server that lags behind has not;
// or
// '', and the receipts with commas between; delay and maxsize of each output, from which the commands were
// made, too; without a stretch, the names of the receipts' fields.
// Returns {1, Redis' microseconds} if it holds; {2} if this number was reached before: it is a repeat, and
// was carried out, or it comes late, and the repeat was; {0, 1 or 0 for each ack} if a receipt is not valid
// any more; {3, n} if the n-th output's queue is gone; {4, Redis' microseconds, n, delay, maxsize} if time,
// or delay or maxsize of the n-th output, are not as assumed; {5, error}; {6} if the stretch is over, which
// says nothing of the receipts; {7} if the commit before was not carried out. Nothing may raise: an error
// would not keep the commands from being carried out.
inline constexpr char check_script[] = R"lua(
local function check()
  local last = redis.call('GET', KEYS[3]) or '0'
  if tonumber(last) >= tonumber(ARGV[1]) then return {2} end
  if ARGV[2] ~= '' and last ~= ARGV[2] then return {7} end
  local outputs = (#KEYS - 4) / 2
  if ARGV[4] ~= '' then
    local total = redis.call('HGET', KEYS[2], 'totalrecv') or '0'
    if redis.call('GET', KEYS[4]) ~= ARGV[4] .. ' ' .. total or tonumber(total) < tonumber(ARGV[5]) then return {6} end
  else
    local rcs = redis.call('HMGET', KEYS[2], unpack(ARGV, 6 + 2 * outputs))
    local all, joined = pcall(table.concat, rcs, ',')
    if not all or joined ~= ARGV[5] then
      local valid, i = {0}, 0
      for rc in string.gmatch(ARGV[5], '[^,]+') do
        i = i + 1
        valid[i + 1] = rcs[i] == rc and 1 or 0
      end
      return valid
    end
  end
  redis.call('ZCARD', KEYS[1])
  local t = redis.call('TIME')
  local us, ahead = t[1] * 1000000 + t[2], ARGV[3] - (t[1] * 1000 + t[2] / 1000)
  for i = 1, outputs do
    redis.call('ZCARD', KEYS[3 + 2 * i])
    local queue = redis.call('HMGET', KEYS[4 + 2 * i], 'vt', 'delay', 'maxsize')
    if not queue[1] then return {3, i} end
    local delay, maxsize = queue[2] or '', queue[3] or ''
    if ahead > 1 or ahead < -1000 or delay ~= ARGV[4 + 2 * i] or maxsize ~= ARGV[5 + 2 * i] then
      return {4, us, i, delay, maxsize}
    end
  end
  redis.call('SET', KEYS[3], ARGV[1], 'EX', 3600)
  return {1, us}
end
local ran, said = pcall(check)
if ran and said[1] == 1 then return said end
for i, key in ipairs({KEYS[1], KEYS[2], unpack(KEYS, 5)}) do
  if redis.call('EXISTS', key) == 1 then redis.call('RENAME', key, KEYS[3] .. ':' .. i) end
end
redis.call('SET', KEYS[3] .. ':aside', 1)
return ran and said or {5, type(said) == 'table' and said.err or tostring(said)}
)lua";

// KEYS: the same without the stretch's. ARGV: of each output the channel of the realtime option or '', and
// how many were sent.
inline constexpr char end_script[] = R"lua(
if redis.call('DEL', KEYS[3] .. ':aside') == 1 then
  if #KEYS > 3 then redis.call('DEL', unpack(KEYS, 4)) end
  for i, key in ipairs({KEYS[1], KEYS[2], unpack(KEYS, 4)}) do
    if redis.call('EXISTS', KEYS[3] .. ':' .. i) == 1 then redis.call('RENAME', KEYS[3] .. ':' .. i, key) end
  end
else
  for i = 1, (#KEYS - 3) / 2 do
    local channel, sent = ARGV[2 * i - 1], ARGV[2 * i]
    if channel ~= '' then
      local length = redis.call('ZCARD', KEYS[2 + 2 * i])
      for nth = 1, sent do redis.pcall('PUBLISH', channel, length - sent + nth) end
    end
  end
end
return 1
)lua";

// ARGV: vt, delay, maxsize. Makes the queue as RSMQ does, at once: half an attribute list is a queue that no
// client can use. Returns its delay and maxsize.
inline constexpr char create_script[] = R"lua(
local now = redis.call('TIME')[1]
redis.call('HSETNX', KEYS[2], 'vt', ARGV[1])
redis.call('HSETNX', KEYS[2], 'delay', ARGV[2])
redis.call('HSETNX', KEYS[2], 'maxsize', ARGV[3])
redis.call('HSETNX', KEYS[2], 'created', now)
redis.call('HSETNX', KEYS[2], 'modified', now)
redis.call('SADD', KEYS[3], ARGV[4])
return redis.call('HMGET', KEYS[2], 'delay', 'maxsize')
)lua";

// ARGV: how many of the hidden to look at. Returns {now, ready, hidden, hidden and never received, id of the
// first that is ready}. RSMQ does not tell a delayed message from one in work, but by its receive count.
inline constexpr char stats_script[] = R"lua(
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local ready = redis.call('ZCOUNT', KEYS[1], '-inf', now)
local hidden = redis.call('ZCARD', KEYS[1]) - ready
local delayed, from, most = 0, 0, math.min(hidden, tonumber(ARGV[1]))
while from < most do
  local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf', 'LIMIT', from, 1000)
  if #ids == 0 then break end
  local wanted = {}
  for i, id in ipairs(ids) do wanted[i] = id .. ':rc' end
  for _, rc in ipairs(redis.call('HMGET', KEYS[2], unpack(wanted))) do
    if not rc then delayed = delayed + 1 end
  end
  from = from + #ids
end
local out = {now, ready, hidden, delayed}
if ready > 0 then out[5] = redis.call('ZRANGE', KEYS[1], 0, 0)[1] end
return out
)lua";

// ARGV: first and last place, most bytes. Returns {id, body, rc, …} in the order of visibility.
inline constexpr char peek_script[] = R"lua(
local out, bytes = {}, 0
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2])) do
  local got = redis.call('HMGET', KEYS[2], id, id .. ':rc')
  if got[1] then
    out[#out + 1] = id
    out[#out + 1] = got[1]
    out[#out + 1] = tonumber(got[2]) or 0
    bytes = bytes + #got[1]
    if bytes >= tonumber(ARGV[3]) then break end
  end
end
return out
)lua";

// ARGV: id. Returns {id, body, rc}, or {}. What is not in the set is no message: the hash has attributes,
// too.
inline constexpr char find_script[] = R"lua(
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return {} end
local got = redis.call('HMGET', KEYS[2], ARGV[1], ARGV[1] .. ':rc')
if not got[1] then return {} end
return {ARGV[1], got[1], tonumber(got[2]) or 0}
)lua";

// ARGV: id. Returns 1 if it was there.
inline constexpr char remove_script[] = R"lua(
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1], ARGV[1] .. ':rc', ARGV[1] .. ':fr')
return 1
)lua";

// ARGV: most. Removes the first so many; returns how many. In steps, for Redis serves nobody meanwhile.
inline constexpr char purge_script[] = R"lua(
local ids = redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1)
if #ids == 0 then return 0 end
local fields = {}
for i, id in ipairs(ids) do
  fields[3 * i - 2] = id
  fields[3 * i - 1] = id .. ':rc'
  fields[3 * i] = id .. ':fr'
end
redis.call('ZREM', KEYS[1], unpack(ids))
redis.call('HDEL', KEYS[2], unpack(fields))
return #ids
)lua";

}  // namespace volley::rsmq
