import { setTimeout as delay } from 'node:timers/promises';
import type { Ended } from './process.ts';
import type { Receiver } from './receiver.ts';

/** Some commands and what they printed, as docs/cli.md shows them. */
export interface CliSession {
  readonly name: string;
  readonly transcript: string;
}

type Run = (args: readonly string[]) => Promise<Ended>;

/**
 * Runs the sessions of docs/cli.md against a Posthorn that works. `run` runs `posthorn <args>`.
 *
 * The receiver answers 422 under /old until it is told otherwise, in the course of the sessions.
 */
export async function recordSessions(options: {
  readonly run: Run;
  readonly receiver: Receiver;
}): Promise<CliSession[]> {
  const { receiver } = options;
  let isMended = false;
  receiver.answer(({ path }, response) => {
    response.writeHead(path.startsWith('/old') && !isMended ? 422 : 200).end('ok');
  });
  const sessions: CliSession[] = [];
  const hook = `${receiver.url}/hook`;
  const old = `${receiver.url}/old`;
  const session = async (
    name: string,
    work: (posthorn: (...args: string[]) => Promise<string>) => Promise<void>,
  ) => {
    const lines: string[] = [];
    await work(async (...args) => {
      const { stdout, stderr } = await options.run(args);
      lines.push(`$ posthorn ${args.map(quoted).join(' ')}`, `${stdout}${stderr}`.trimEnd(), '');
      return stdout.trim();
    });
    const text = lines.join('\n').trimEnd();
    sessions.push({
      name,
      transcript: text
        .replaceAll(receiver.url, 'http://127.0.0.1:9000')
        .replaceAll(/whsec_\S+/g, 'whsec_…')
        .replaceAll(/ +$/gm, ''),
    });
  };
  await session('send', async (posthorn) => {
    const id = await posthorn('send', '--url', hook, '--body', '{"type": "order.created"}');
    await receiver.until((requests) => requests.length > 0);
    await recorded(options.run, 'delivered', 1);
    await posthorn('show', id);
  });
  for (let count = 0; count < 3; count += 1)
    await options.run(['send', '--url', old, '--body', '{}']);
  await recorded(options.run, 'failed', 3);
  let failed = '';
  await session('list', async (posthorn) => {
    const listed = await posthorn('list', '--status', 'failed');
    failed = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(listed)?.[0] ?? '';
    await posthorn('list', '--status', 'failed', '--limit', '1', '--json');
  });
  await session('report', async (posthorn) => {
    await posthorn('report', 'failures', '--since', '2h');
    await posthorn('report', 'why-not-delivered', '--id', failed);
  });
  isMended = true;
  await session('retry', async (posthorn) => {
    await posthorn('retry', failed);
    await recorded(options.run, 'delivered', 2);
    await posthorn('show', failed);
    await posthorn('retry', failed);
  });
  await session('replay', async (posthorn) => {
    await posthorn('replay', '--url', old, '--from', '2h', '--dry-run');
    await posthorn('replay', '--url', old, '--from', '2h', '--rate', '10');
    await posthorn('replays', 'list');
  });
  await recorded(options.run, 'delivered', 4);
  await session('endpoints', async (posthorn) => {
    const created = await posthorn('endpoints', 'create', '--url', hook, '--rate-limit', '50');
    const id = created.slice(0, 36);
    await posthorn('endpoints', 'pause', id);
    await posthorn('send', '--endpoint', id, '--body', '{}');
    await posthorn('endpoints', 'list');
    await posthorn('held-back');
    await posthorn('cancel', '--endpoint', id);
  });
  await session('events', async (posthorn) => {
    const created = await posthorn('endpoints', 'create', '--tenant', 'acme', '--url', hook);
    const endpoint = created.slice(0, 36);
    await posthorn('subscriptions', 'add', endpoint, 'order.*', '--filter', '$.total >= 100');
    const publish = ['publish', 'order.paid', '--tenant', 'acme', '--body'];
    await posthorn(...publish, '{"id": 41, "total": 5}');
    const event = await posthorn(...publish, '{"id": 42, "total": 1500}');
    await recorded(options.run, 'delivered', 5);
    await posthorn('events', 'show', event);
    const listed = await posthorn('events', 'list', '--tenant', 'acme', '--unmatched');
    await posthorn('events', 'show', /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(listed)?.[0] ?? '');
    await posthorn('endpoints', 'catch-up', endpoint, '--since', '3d', '--dry-run');
  });
  await session('status', async (posthorn) => {
    await counted(options.run);
    await posthorn('status');
  });
  await session('tail', async (posthorn) => {
    await options.run(['send', '--url', hook, '--body', '{}']);
    await posthorn('tail', '--lines', '1');
  });
  await session('listen', async (posthorn) => {
    const paid = ['--event-type', 'order.paid', '--since', '10m'];
    await posthorn('listen', '--to', hook, ...paid, '--lines', '1');
  });
  return sessions;
}

async function recorded(run: Run, status: string, count: number): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const { stdout } = await run(['list', '--status', status, '--json']);
    if (JSON.parse(stdout).webhooks.length >= count) return;
  }
  throw new Error(`There were never ${count} webhooks ${status}`);
}

/** The workers write every 15 s what they have tried. */
async function counted(run: Run): Promise<void> {
  for (let tries = 0; tries < 60; tries += 1) {
    const { stdout } = await run(['status', '--json']);
    if (JSON.parse(stdout).attempts > 0) return;
    await delay(500);
  }
  throw new Error('No worker ever wrote what it has tried');
}

function quoted(arg: string): string {
  return /^[\w:/.=-]+$/.test(arg) ? arg : `'${arg}'`;
}

/** What differs from run to run becomes a word. */
export function formOf(transcript: string): string {
  return (
    transcript
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
      .replaceAll(/whsec_\S+/g, 'SECRET')
      .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+Z)?/g, 'TIME')
      .replaceAll(/\d+ on \S+ \(\d+\)/g, 'WORKER')
      .replaceAll(/"lane":"-?\d+"/g, 'LANE')
      .replaceAll(/\d+(\.\d+)? (ms|s|min|attempts a second|%)/g, (_all, _part, unit) => `N ${unit}`)
      .replaceAll(/So far .*/g, 'So far')
      // A claim may just be under way.
      .replaceAll(' It waits for: slot.', '')
      // A line of tail: whatever ended last.
      .replaceAll(/#\d+ {2}.*/g, '#N')
      .replaceAll(/^(backlog|held|success) .*/gm, '$1')
      .replaceAll(/ {2,}/g, '  ')
  );
}
