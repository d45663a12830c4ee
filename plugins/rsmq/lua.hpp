// The Lua scripts. Each works on a batch, so that a message costs a share of four commands, not four
// commands. Unless a script documents otherwise, KEYS are the queue's sorted set and its hash. All times are
// from Redis's clock. The receive count (rc) of a message is the receipt of its delivery: a settlement with
// an older receipt has no effect.
//
// A full Redis refuses the first command of a script that may take memory, but no command after a write.
// Scripts that receive or release messages must run, so that memory becomes free. They therefore start with a
// HDEL of nothing.
#pragma once

#include <cstdint>

namespace volley::rsmq {

// The maximum number of messages of one call. unpack() puts a table on Redis's Lua stack, which has room for
// this many.
inline constexpr std::uint32_t script_batch = 512;

// KEYS[3]: the key of the consumer's exclusive run. ARGV: maximum messages, maximum bytes of bodies, and the
// name of the run if a new one begins, or ''. Returns {now, visibility timeout in ms, ids, bodies, place and
// receive count of each message that was received before, run, totalrecv}. If no message is visible, returns
// {now, visibility timeout} and, if one is hidden, the time at which the next becomes visible. Returns {} if
// the queue does not exist.
//
// A visibility timeout below a second is raised to a second, because no heartbeat could extend it in time.
// Other clients may set any text: a text that is not a number means RSMQ's default, and RSMQ's upper bound
// applies. Ids without a body are left over from an unfinished delete of another client, and are removed.
// (Redis ends a list at the first nil of the Lua table.)
//
// An exclusive run is a series of receives of one consumer, of messages that were never received before,
// without a receive of another client in between. The queue's totalrecv proves this, because every client
// increments it. KEYS[3] holds the name of the run and the totalrecv after its last receive. While the two
// match, all receipts of the run are valid, and a commit need not compare each.
inline constexpr char receive_script[] = R"lua(
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local vt = redis.call('HGET', KEYS[2], 'vt')
if not vt then return {} end
vt = tonumber(vt)
if not vt or vt ~= vt then vt = 30 end
local lease = math.min(math.max(math.floor(vt * 1000 + 0.5), 1000), 9999999000)
local max_bytes, run, total = tonumber(ARGV[2]), ARGV[3], 0
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
local scores, fields, repeated, orphans, orphan_fields, n, m, bytes = {}, {}, {}, {}, {}, 0, 0, 0
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
      repeated[#repeated + 1] = n
      repeated[#repeated + 1] = rc
    else
      fields[m + 2] = '1'
      fields[m + 3] = id .. ':fr'
      fields[m + 4] = now_ms
      m = m + 4
    end
    bytes = bytes + #body
    if bytes >= max_bytes then break end
  else
    orphans[#orphans + 1] = id
    orphan_fields[#orphan_fields + 1] = id .. ':rc'
    orphan_fields[#orphan_fields + 1] = id .. ':fr'
  end
end
if #orphans > 0 then
  redis.call('ZREM', KEYS[1], unpack(orphans))
  redis.call('HDEL', KEYS[2], unpack(orphan_fields))
end
if n > 0 then
  redis.call('HDEL', KEYS[2], '')
  redis.call('ZADD', KEYS[1], unpack(scores))
  redis.call('HSET', KEYS[2], unpack(fields))
  total = redis.call('HINCRBY', KEYS[2], 'totalrecv', n)
  if run ~= '' then
    local previous = #repeated == 0 and redis.call('GET', KEYS[3])
    local name, last = string.match(previous or '', '^(%S+) (%d+)$')
    if name and tonumber(last) == total - n and string.match(name, '^[^/]*') == string.match(run, '^[^/]*') then
      run = name
    end
    redis.call('SET', KEYS[3], run .. ' ' .. string.format('%.0f', total), 'EX', 3600)
  end
end
ids[n + 1] = nil
got[n + 1] = nil
return {now, lease, ids, got, repeated, run, total}
)lua";

// ARGV: for each message its id, its receipt, and '' to delete it, the ms after which it becomes visible, or
// 'release' to make it visible immediately in its old place: at the time in its id, before later messages.
// Returns for each 1: done, 0: the receipt is out of date, or -1: the message does not exist.
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
      local sent = after == 'release' and math.floor((tonumber(string.sub(id, 1, 10), 36) or now * 1000) / 1000)
      scores[#scores + 1] = sent and math.min(sent, now) or now + after
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

// ARGV: channel of the realtime option or ''; number of messages; id and body of each; and if any has a
// delay, the delays of all in ms, '' for the queue's. Ids and bodies have the order of HSET's arguments, so
// that bodies are not copied. An existing id was already sent, and the reply was lost: it is not stored
// again. Returns {Redis's microseconds, delay, maxsize}, or {} if the queue does not exist.
//
// It publishes once per message, as node's rsmq does: subscribers may receive one message for each. A failed
// publish is ignored, because the send of a user without that permission must succeed.
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

// KEYS[1]: the key of the last commit. Checks whether the user may rename keys, before the first commit.
// Returns the error of RENAME, which is "no such key" if the user may.
inline constexpr char may_rename_script[] = R"lua(
return redis.pcall('RENAME', KEYS[1] .. ':1', KEYS[1] .. ':2').err or ''
)lua";

// An atomic commit of outputs and acks is one MULTI: the check, plain commands that store the outputs and
// delete the inputs, and the end. They are plain commands because the same work in Lua costs Redis half as
// much again. But a Redis transaction cannot be rolled back. Therefore, if the check fails, it renames the
// queues' keys: the commands then find nothing to delete, and write to new keys. The end deletes those and
// renames the queues' keys back. Other clients see none of this, because a transaction is isolated.
//
// KEYS of the check: the input's set and hash, the key that holds number and time of this producer's last
// commit, the key of the input's exclusive run, then set and hash of each output.
//
// ARGV of the check:
// 1 the number of this commit; later commits have greater ones
// 2 the number of the commit before it if that one's outcome is not known yet, else ''
// 3 the time in ms from which the commands were made
// 4 the exclusive run that covers all receipts, or ''
// 5 with a run: the totalrecv after the last of its receives, which a lagging server has not reached;
//   without a run: the receipts, joined by commas
// 6 delay and maxsize of each output, from which the commands were made; then, without a run, the names of
//   the receipts' fields
//
// Returns
// {1, Redis' microseconds} if it holds;
// {2} if this number was reached before: this is a repeat of what was committed, or the late original;
// {0, 1 or 0 for each ack} if a receipt is out of date (0);
// {3, n} if the queue of the n-th output does not exist;
// {4, microseconds, n, delay, maxsize} if the commands were made from another time, or from another delay or
//   maxsize of the n-th output; the microseconds are Redis' time, or that of the last commit if it is later;
// {5, error};
// {6} if the run is over, which does not mean that a receipt is out of date;
// {7} if the commit before it was not committed.
// A commit must not be earlier than the last one, because the time determines the order of the messages: it
// can arrive late, on an abandoned connection, after the previous one was repeated. A last commit in the
// future is ignored: Redis's clock was set back. The check must not raise an error: Redis would still execute
// the remaining commands.
inline constexpr char check_script[] = R"lua(
local function check()
  local last, time = string.match(redis.call('GET', KEYS[3]) or '', '^(%d+) (%d+)$')
  if last and tonumber(last) >= tonumber(ARGV[1]) then return {2} end
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
  local us = t[1] * 1000000 + t[2]
  local skew, earliest = ARGV[3] - us / 1000, tonumber(time) or 0
  if earliest > us / 1000 + 1 then earliest = 0 end
  local is_timely = skew <= 1 and skew >= -1000 and tonumber(ARGV[3]) >= earliest
  for i = 1, outputs do
    redis.call('ZCARD', KEYS[3 + 2 * i])
    local queue = redis.call('HMGET', KEYS[4 + 2 * i], 'vt', 'delay', 'maxsize')
    if not queue[1] then return {3, i} end
    local delay, maxsize = queue[2] or '', queue[3] or ''
    if not is_timely or delay ~= ARGV[4 + 2 * i] or maxsize ~= ARGV[5 + 2 * i] then
      return {4, math.max(us, earliest * 1000), i, delay, maxsize}
    end
  end
  redis.call('SET', KEYS[3], ARGV[1] .. ' ' .. ARGV[3], 'EX', 3600)
  return {1, us}
end
local ran, result = pcall(check)
if ran and result[1] == 1 then return result end
for i, key in ipairs({KEYS[1], KEYS[2], unpack(KEYS, 5)}) do
  if redis.call('EXISTS', key) == 1 then redis.call('RENAME', key, KEYS[3] .. ':' .. i) end
end
redis.call('SET', KEYS[3] .. ':aside', 1)
return ran and result or {5, type(result) == 'table' and result.err or tostring(result)}
)lua";

// KEYS: those of the check, without the run's. ARGV: for each output the channel of the realtime option or
// '', and the number of its messages.
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

// KEYS: set, hash, and the set of queue names. ARGV: vt, delay, maxsize, and the name. Creates the queue as
// RSMQ does, but atomically: no client can use a queue with half of its attributes. Returns delay and
// maxsize.
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

// ARGV: the maximum number of hidden messages to examine. Returns {now, ready, hidden, hidden and never
// received, id of the first ready message}. Only the receive count distinguishes a delayed message from one
// in flight.
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

// ARGV: first and last place, maximum bytes. Returns {id, body, receive count, …} in the order of visibility.
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

// ARGV: id. Returns {id, body, receive count}, or {}. The hash also has the queue's attributes, so only the
// set shows whether a message exists.
inline constexpr char find_script[] = R"lua(
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return {} end
local got = redis.call('HMGET', KEYS[2], ARGV[1], ARGV[1] .. ':rc')
if not got[1] then return {} end
return {ARGV[1], got[1], tonumber(got[2]) or 0}
)lua";

// ARGV: id. Deletes the message. Returns 1 if it existed, otherwise 0.
inline constexpr char remove_script[] = R"lua(
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1], ARGV[1] .. ':rc', ARGV[1] .. ':fr')
return 1
)lua";

// ARGV: maximum number of messages. Deletes the first ones, and returns how many. The caller purges in steps,
// because Redis serves no other client while a script runs.
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
