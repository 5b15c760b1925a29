-- wrk's script: sends the requests of the file REQUESTS, then the first ones again, and prints a line of JSON at the end.
-- Each request in the file follows its length, as eight digits.

local requests = {}
local number = 0
local file = assert(io.open(os.getenv("REQUESTS"), "rb"))
while true do
  local length = file:read(8)
  if not length then break end
  requests[#requests + 1] = file:read(tonumber(length))
end
file:close()

function request()
  number = number + 1
  return requests[(number - 1) % #requests + 1]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '{"answered":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"not_200":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
