-- Asks for the hosts and paths of a table of HOSTS hosts with PATHS paths each, 4,096 of them by turns.
local hosts, paths = tonumber(os.getenv("HOSTS")), tonumber(os.getenv("PATHS"))
local requests, turn = {}, 0

function init()
  math.randomseed(1)
  for i = 1, 4096 do
    wrk.headers["Host"] = "h" .. math.random(0, hosts - 1) .. ".bench.test"
    requests[i] = wrk.format("GET", "/p" .. math.random(0, paths - 1) .. "/1k")
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end
