import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recordSessions } from '../harness/cli-sessions.ts';
import { runPosthorn, spawnPosthorn } from '../harness/process.ts';
import { startReceiver } from '../harness/receiver.ts';

/*
 * Records the terminal sessions of docs/cli.md anew, from a Posthorn that it starts: npm run docs:cli
 *
 * test/commands/docs.test.ts runs the same sessions, and compares what is printed with what stands there.
 */

const page = new URL('cli.md', import.meta.url);
const dataDir = await mkdtemp(join(tmpdir(), 'posthorn-record-'));
const env = { POSTHORN_DATA_DIR: dataDir, PORT: '0', POSTHORN_LOG_LEVEL: 'warn' };
const posthorn = spawnPosthorn('start', env);
const receiver = await startReceiver();
try {
  await posthorn.line(/is running/);
  let text = await readFile(page, 'utf8');
  for (const { name, transcript } of await recordSessions({
    run: (args) => runPosthorn(args, env),
    receiver,
  })) {
    const block = new RegExp(`(<!-- session ${name} -->\n\`\`\`\n)(?:[\\s\\S]*?\n)??(\`\`\`)`);
    if (!block.test(text)) throw new Error(`docs/cli.md has no place for the session ${name}`);
    text = text.replace(block, (_all, before, after) => `${before}${transcript}\n${after}`);
  }
  await writeFile(page, text);
} finally {
  await receiver.close();
  await posthorn.end('SIGTERM');
  await rm(dataDir, { recursive: true, force: true });
}
