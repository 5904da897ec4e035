// The real server, as a process of its own on a free port.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/**
 * Starts the program that TILLER_SERVER names.
 * @param {...string} flags
 * @returns {Promise<{url: string, kill: () => Promise<void>}>}
 */
export async function startServer(...flags) {
  const program = process.env.TILLER_SERVER;
  assert.ok(program, 'TILLER_SERVER names no program: go test ./pplm/serve/e2e builds it');
  const at = flags.includes('-addr') ? [] : ['-addr', '127.0.0.1:0'];
  const child = spawn(program, [...at, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.on('data', (data) => { log += data; });
  const ended = once(child, 'exit');
  const said = once(createInterface(child.stdout), 'line');
  const first = await Promise.race([said, ended.then(() => null)]);
  const url = first?.[0].match(/http:\/\/\S+/)?.[0];
  assert.ok(url, `the server did not start: ${log}`);
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  return { url, kill };
}
