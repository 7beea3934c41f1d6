// Serves this folder at http://localhost:3000; every path without a file is the app itself.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { normalize } from "node:path";

const folder = new URL(".", import.meta.url);
createServer(async (request, response) => {
  const path = normalize(new URL(request.url, "http://localhost").pathname);
  const isScript = path.endsWith(".js");
  response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html; charset=utf-8");
  response.end(await readFile(new URL(isScript ? "." + path : "index.html", folder)).catch(() => ""));
}).listen(process.env.PORT ?? 3000, "localhost");
