-- The authorization code flow of browsers that are signed in: one request for a code, and one that redeems it.
dofile(os.getenv("BENCHMARK_LUA") .. "/answers.lua")

local codes, browsers, at = {}, {}, 0

function init()
   local head = "GET " .. job.authorize .. " HTTP/1.1\r\n" .. string.match(job.headers, "Host: [^\r]*\r\n")
   for _, cookie in ipairs(my_lines(job.tokens)) do
      browsers[#browsers + 1] = head .. "Cookie: " .. cookie .. "\r\n\r\n"
   end
end

function request()
   local code = table.remove(codes)
   if code == nil then
      at = at % #browsers + 1
      return browsers[at]
   end
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
