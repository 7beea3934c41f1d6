-- Refresh chains: each token is used once, and its successor joins the end of the queue.
dofile(os.getenv("BENCHMARK_LUA") .. "/answers.lua")

local queue, first, last = {}, 1, 0

function init()
   queue = my_lines(job.tokens)
   last = #queue
end

function request()
   local token = queue[first]
   if token == nil then
      starved = starved + 1
      wrk.thread:stop()
      return with_body(job.path, job.before .. "none" .. job.after)
   end
   queue[first] = nil
   first = first + 1
   return with_body(job.path, job.before .. token .. job.after)
end

local check = response

function response(status, headers, body)
   check(status, headers, body)
   local successor = string.match(body, '"refresh_token": ?"([^"]+)"')
   if successor then
      last = last + 1
      queue[last] = successor
   end
end
