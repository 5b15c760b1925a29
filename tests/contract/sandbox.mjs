// Starts a sandbox on a free port, and a receiver for its webhooks.
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export const KEY = "sk_test_contract";
export const SECRET = "whsec_contract";

export async function startReceiver() {
  const requests = [];
  const server = createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      requests.push({ body: Buffer.concat(parts).toString("utf8"), headers: request.headers });
      response.writeHead(200).end();
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { requests, url: `http://127.0.0.1:${server.address().port}/`, stop: () => server.close() };
}

export async function startSandbox(...args) {
  const python = process.env.SANDBOX_PYTHON ?? "python3";
  const child = spawn(python, ["-m", "sandbox", "--port", "0", "--quiet", ...args], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [word, address] = line.trim().split(/\s+/);
      if (word === "API") resolve(address);
    });
    child.on("exit", (code) => reject(new Error(`the sandbox ended with ${code}`)));
  });
  const request = async (method, path, values = {}) => {
    const response = await fetch(`${url}/_sandbox/${path}`, {
      method,
      ...(method === "GET" ? {} : { body: JSON.stringify(values) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.status === 204 ? null : response.json();
  };
  return { url, request, stop: () => child.kill("SIGTERM") };
}
