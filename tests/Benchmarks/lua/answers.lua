-- Shared by all loads: checks every answer, and reports on one line.
local threads = {}
wrong, starved, example = 0, 0, ""
job = dofile(os.getenv("BENCHMARK_JOB"))

function setup(thread)
   thread:set("number", #threads)
   threads[#threads + 1] = thread
end

-- A request from its body, if it has one, and more headers.
function with_body(path, body, headers)
   if body == nil then return job.method .. " " .. path .. " HTTP/1.1\r\n" .. job.headers .. (headers or "") .. "\r\n" end
   return job.method .. " " .. path .. " HTTP/1.1\r\n" .. job.headers .. "Content-Length: " .. #body .. "\r\n\r\n" .. body
end

-- Right: the expected status, and every expected text in the body; an empty body if none is expected.
function is_right(status, body)
   if status ~= job.status then return false end
   if #job.parts == 0 then return #body == 0 end
   for i = 1, #job.parts do
      if not string.find(body, job.parts[i], 1, true) then return false end
   end
   return true
end

function response(status, headers, body)
   if is_right(status, body) then return end
   wrong = wrong + 1
   if example == "" then example = status .. " " .. string.sub(body, 1, 200) end
end

function done(summary, latency, requests)
   local wrong, starved = 0, 0
   for _, thread in ipairs(threads) do
      wrong = wrong + thread:get("wrong")
      starved = starved + thread:get("starved")
      if thread:get("example") ~= "" then io.stderr:write("wrong answer: ", thread:get("example"), "\n") end
   end
   local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
   io.write(string.format("RESULT %d %d %d %d %d %d %d\n", summary.requests, summary.duration,
      latency:percentile(50), latency:percentile(99), wrong, failed, starved))
end

-- This thread's share of the lines of a file.
function my_lines(path)
   local lines, n = {}, 0
   for line in io.lines(path) do
      if n % job.threads == number then lines[#lines + 1] = line end
      n = n + 1
   end
   return lines
end
