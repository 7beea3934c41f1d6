-- Keys of the data store in turn.
dofile(os.getenv("BENCHMARK_LUA") .. "/answers.lua")

local at = 0

function request()
   at = (at + 1) % job.count
   return with_body(string.format("%s/key-%05d", job.path, at), job.body)
end
