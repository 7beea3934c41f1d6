-- Each request uses the next token of a file: round and round (job.cycle), or no token twice.
dofile(os.getenv("BENCHMARK_LUA") .. "/answers.lua")

local tokens, at = {}, 0

function init()
   tokens = my_lines(job.tokens)
end

function request()
   at = at + 1
   if at > #tokens then
      at = 1
      -- The file was too short for this run, so its figures are worthless.
      if not job.cycle then
         starved = starved + 1
         wrk.thread:stop()
      end
   end
   if job.bearer then return with_body(job.path, nil, "Authorization: Bearer " .. tokens[at] .. "\r\n") end
   return with_body(job.path, job.before .. tokens[at] .. job.after)
end
