-- The authorization code flow of a browser that is signed in: one request for a code, and one that redeems it.
dofile(os.getenv("BENCHMARK_LUA") .. "/answers.lua")

local codes = {}
local authorize

function init()
   authorize = "GET " .. job.authorize .. " HTTP/1.1\r\n" .. string.match(job.headers, "Host: [^\r]*\r\n") .. "Cookie: " .. job.cookie .. "\r\n\r\n"
end

function request()
   local code = table.remove(codes)
   if code == nil then return authorize end
   return with_body(job.path, job.before .. code .. job.after)
end

local check = response

function response(status, headers, body)
   local code = (status == 302 or status == 303) and string.match(headers["Location"], "[?&]code=([^&]+)")
   if code then
      codes[#codes + 1] = code
   else
      check(status, headers, body)
   end
end
