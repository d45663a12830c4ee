// The Lua scripts. KEYS[1] is the stream and ARGV[1] the group, unless a script documents otherwise. All
// times are from Redis's clock.
//
// A delivery's receipt is its owner and its delivery count, which Redis keeps in the group's pending entries.
// A claim changes the owner or increases the count, so that older receipts become invalid.
//
// Nacked and released messages stay in the pending entries: the consumer `waiting_consumer` owns them until
// they are claimed. The delivery time of such a message is the time at which it is due minus `due_offset`: it
// is due when its idle time reaches due_offset. Redis accepts no delivery time in the future.
#pragma once

#include <cstdint>

namespace volley::streams {

inline constexpr char waiting_consumer[] = "volley-waiting";
inline constexpr char due_offset[] = "1000000000000";  // ms: 31 years
// Prefix of the name of a consumer that never reads. The rest of the name is random and distinguishes this
// group from another of the same name.
inline constexpr char identity_prefix[] = "volley-id-";

// The maximum number of messages of one call. unpack() puts a table on Redis's Lua stack, which has room for
// this many.
inline constexpr std::uint32_t script_batch = 512;

// ARGV: group, where a new group starts, a random text. Creates the group and the stream if they are missing.
// Deletes consumers of dead Volley processes that have nothing pending and were idle for a day. Returns {1 if
// the group was created, the random text of its creator}.
inline constexpr char group_script[] = R"lua(
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], ARGV[2], 'MKSTREAM')
if made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then return made end
local id
for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local name, pending, idle = c[2], c[4], c[6]
  if string.sub(name, 1, 10) == 'volley-id-' then
    id = string.sub(name, 11)
  elseif name ~= 'volley-waiting' and string.sub(name, 1, 7) == 'volley-' and pending == 0 and idle > 86400000 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], name)
  end
end
if not id then
  id = ARGV[3]
  redis.call('XGROUP', 'CREATECONSUMER', KEYS[1], ARGV[1], 'volley-id-' .. id)
end
return {made.err and 0 or 1, id}
)lua";

// ARGV: group, consumer. Deletes the consumer, unless messages are pending for it: Redis would forget them.
inline constexpr char leave_script[] = R"lua(
for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  if c[2] == ARGV[2] and c[4] == 0 then redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2]) end
end
return 1
)lua";

// ARGV: group, consumer, idle time of abandoned messages, maximum number of messages. Claims waiting messages
// that are due, then messages that other consumers have not extended for that long. Returns {entries,
// delivery count of each, number of remaining waiting messages, number of pending messages that are no longer
// in the stream}; the latter are forgotten.
inline constexpr char claim_script[] = R"lua(
local k, g, room = KEYS[1], ARGV[1], tonumber(ARGV[4])
local ids, counts, waiting = {}, {}, 0
local function collect(idle, name)
  if room <= 0 then return end
  for _, p in ipairs(redis.call('XPENDING', k, g, 'IDLE', idle, '-', '+', room, name)) do
    ids[#ids + 1] = p[1]
    counts[p[1]] = p[4] + 1
    room = room - 1
  end
end
for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', k, g)) do
  if c[2] == 'volley-waiting' then waiting = c[4] end
end
if waiting > 0 then
  collect('1000000000000', 'volley-waiting')
  waiting = waiting - #ids
end
for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', k, g)) do
  if c[2] ~= 'volley-waiting' and c[4] > 0 then collect(ARGV[3], c[2]) end
end
if #ids == 0 then return {{}, {}, waiting, 0} end
local entries, n = {}, {}
for _, e in ipairs(redis.call('XCLAIM', k, g, ARGV[2], 0, unpack(ids))) do
  entries[#entries + 1] = e
  n[#n + 1] = counts[e[1]]
end
return {entries, n, waiting, #ids - #entries}
)lua";

// ARGV: group, consumer, 1 if acked entries are deleted, then for each: id, delivery count, what to do
// ('ack'; 'wait' for so many ms; 'release'; 'extend', as if it were idle for so many ms), and the ms. Returns
// {1 if other groups kept entries from being deleted, results}: 1 done; 0 it belongs to another consumer; -1
// it is not pending; -2 it was deleted from the stream.
inline constexpr char settle_script[] = R"lua(
local k, g, me, xdel, others = KEYS[1], ARGV[1], ARGV[2], ARGV[3] == '1', 0
if xdel and #redis.call('XINFO', 'GROUPS', k) > 1 then
  xdel = false
  others = 1
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local out = {}
for i = 4, #ARGV, 4 do
  local id, count, what, ms = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2], tonumber(ARGV[i + 3])
  local p = redis.call('XPENDING', k, g, id, id, 1)[1]
  local r
  if not p then
    r = -1
  elseif p[2] ~= me or p[4] ~= count then
    r = 0
  elseif what == 'ack' then
    redis.call('XACK', k, g, id)
    if xdel then redis.call('XDEL', k, id) end
    r = 1
  else
    local done
    if what == 'extend' then
      done = redis.call('XCLAIM', k, g, me, 0, id, 'IDLE', ARGV[i + 3], 'JUSTID')
    else
      if what == 'release' then count = count - 1 end
      local due = string.format('%.0f', now + ms - 1000000000000)
      done = redis.call('XCLAIM', k, g, 'volley-waiting', 0, id, 'TIME', due, 'RETRYCOUNT', count, 'JUSTID')
    end
    r = #done == 1 and 1 or -2
  end
  out[#out + 1] = r
end
return {others, out}
)lua";

// ARGV: group. Returns {ready, in flight, delayed, time of the oldest that is ready, now}; the time is -1 if
// there is none.
inline constexpr char stats_script[] = R"lua(
local k, g = KEYS[1], ARGV[1]
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if redis.call('EXISTS', k) == 0 then return {0, 0, 0, -1, now} end
local length = redis.call('XLEN', k)
local mine
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', k)) do
  local f = {}
  for i = 1, #flat, 2 do f[flat[i]] = flat[i + 1] end
  if f['name'] == g then mine = f end
end
local function time_of(id) return tonumber(string.match(id, '^%d+')) end
local oldest = -1
local function first(from)
  local e = redis.call('XRANGE', k, from, '+', 'COUNT', 1)[1]
  return e and time_of(e[1]) or -1
end
if not mine then return {length, 0, 0, first('-'), now} end
local after = '(' .. mine['last-delivered-id']
local lag = mine['lag']
if not lag then lag = #redis.call('XRANGE', k, after, '+', 'COUNT', 1000) end
oldest = first(after)
local waiting, due = 0, 0
for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', k, g)) do
  if c[2] == 'volley-waiting' then waiting = c[4] end
end
if waiting > 0 then
  local rows = redis.call('XPENDING', k, g, 'IDLE', '1000000000000', '-', '+', 5000, 'volley-waiting')
  due = #rows
  if due > 0 then
    local ms = time_of(rows[1][1])
    if oldest < 0 or ms < oldest then oldest = ms end
  end
end
return {lag + due, mine['pending'] - waiting, waiting - due, oldest, now}
)lua";

// ARGV: group, the id after which the list begins or '', maximum messages, maximum bytes. Returns the
// messages that the group has not acked, in the order of their ids: {entry, delivery count, …}. Without the
// group: all.
inline constexpr char list_script[] = R"lua(
local k, g, from, most, bytes = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local out = {}
if redis.call('EXISTS', k) == 0 then return out end
local function add(e, count)
  out[#out + 1] = e
  out[#out + 1] = count
  for _, text in ipairs(e[2]) do bytes = bytes - #text end
end
local start = from == '' and '-' or '(' .. from
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', k)) do
  local f = {}
  for i = 1, #flat, 2 do f[flat[i]] = flat[i + 1] end
  if f['name'] == g then
    local last = f['last-delivered-id']
    for _, p in ipairs(redis.call('XPENDING', k, g, start, '+', most)) do
      if bytes <= 0 then return out end
      local e = redis.call('XRANGE', k, p[1], p[1])[1]
      if e then add(e, p[4]) end
    end
    local function less(a, b)
      local am, as = string.match(a, '(%d+)%-(%d+)')
      local bm, bs = string.match(b, '(%d+)%-(%d+)')
      if tonumber(am) ~= tonumber(bm) then return tonumber(am) < tonumber(bm) end
      return tonumber(as) < tonumber(bs)
    end
    if from == '' or less(from, last) then start = '(' .. last end
  end
end
while #out < 2 * most and bytes > 0 do
  local wanted = math.min(most - #out / 2, 50)
  local page = redis.call('XRANGE', k, start, '+', 'COUNT', wanted)
  for _, e in ipairs(page) do
    if bytes <= 0 then return out end
    add(e, 0)
  end
  if #page < wanted then return out end
  start = '(' .. page[#page][1]
end
return out
)lua";

// ARGV: group, id. Deletes an entry, also from the group's pending entries. Returns whether it existed.
inline constexpr char remove_script[] = R"lua(
redis.pcall('XACK', KEYS[1], ARGV[1], ARGV[2])
return redis.call('XDEL', KEYS[1], ARGV[2])
)lua";

// ARGV: maximum number of entries, 1 to also trim unacked entries. Returns {number of entries, the name of a
// group that needs the oldest entries or '', 1 if there is no group, 1 if entries were removed that this
// group needed}.
//
// Without the 1, an entry is removed only if every group has acked it. Redis removes whole nodes of the
// stream, a hundred entries each by default, so that some entries more than asked for remain.
inline constexpr char trim_script[] = R"lua(
local k, most, always = KEYS[1], tonumber(ARGV[1]), ARGV[2] == '1'
local length = redis.call('XLEN', k)
if length <= most then return {length, '', 0, 0} end
local function less(a, b)
  local am, as = string.match(a, '(%d+)%-(%d+)')
  local bm, bs = string.match(b, '(%d+)%-(%d+)')
  if tonumber(am) ~= tonumber(bm) then return tonumber(am) < tonumber(bm) end
  return tonumber(as) < tonumber(bs)
end
local needed, unacked, whose
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', k)) do
  local f = {}
  for i = 1, #flat, 2 do f[flat[i]] = flat[i + 1] end
  local id, oldest = f['last-delivered-id']
  if f['pending'] > 0 then
    id = redis.call('XPENDING', k, f['name'])[2]
    oldest = id
  else
    local e = redis.call('XRANGE', k, '(' .. id, '+', 'COUNT', 1)[1]
    oldest = e and e[1]
  end
  if not needed or less(id, needed) then needed, unacked, whose = id, oldest, f['name'] end
end
if not always then
  if not needed then return {length, '', 1, 0} end
  redis.call('XTRIM', k, 'MINID', '~', needed, 'LIMIT', length - most)
  return {redis.call('XLEN', k), whose, 0, 0}
end
redis.call('XTRIM', k, 'MAXLEN', '~', most)
local first = redis.call('XRANGE', k, '-', '+', 'COUNT', 1)[1]
local lost = unacked and (not first or less(unacked, first[1]))
return {redis.call('XLEN', k), whose or '', needed and 0 or 1, lost and 1 or 0}
)lua";

}  // namespace volley::streams
