import { once } from 'node:events';
import { expect, test } from 'vitest';
import { answers, DataDirectory, finish, isRunning } from '../support/embedded-postgres.ts';
import { eventually } from '../support/eventually.ts';

const directory = DataDirectory.forEachTest();

test('processes that start at once share one server, which only its owner stops', async () => {
  await directory.empty();
  const all = await Promise.all([
    directory.startChild(),
    directory.startChild(),
    directory.startChild(),
  ]);
  expect(new Set(all.map(({ url }) => url)).size).toBe(1);
  const server = await directory.postmasterPid();
  const owner = await directory.ownerPid();
  const guests = all.filter((child) => child.pid !== owner);
  expect(guests).toHaveLength(2);
  for (const guest of guests) await finish(guest);
  expect(await isRunning(server)).toBe(true);
  for (const child of all) if (child.pid === owner) await finish(child);
  expect(await isRunning(server)).toBe(false);
});

test('a second user in the same process takes over when the first one stops', async () => {
  const first = await directory.start();
  const second = await directory.start();
  await first.stop();
  await eventually(() => answers(second.url), 'second user has the server');
  await second.stop();
  expect(await answers(second.url)).toBe(false);
});

test('a guest takes the server over when its owner stops, and stops it in the end', async () => {
  const owner = await directory.startChild();
  const guest = await directory.start();
  expect(await directory.ownerPid()).toBe(owner.pid);
  await finish(owner);
  await eventually(
    async () => (await directory.ownerPid()) === process.pid && (await answers(guest.url)),
    'guest owns a running server',
  );
  await guest.stop();
  expect(await answers(guest.url)).toBe(false);
});

test('a guest takes the running server over when its owner is killed', async () => {
  const owner = await directory.startChild();
  const pid = await directory.postmasterPid();
  const guest = await directory.start();
  owner.process.kill('SIGKILL');
  await eventually(
    async () => (await directory.ownerPid()) === process.pid,
    'guest owns the server',
  );
  expect(await directory.postmasterPid()).toBe(pid);
  await guest.stop();
  expect(await isRunning(pid)).toBe(false);
});

test('the orphan of a killed process group is adopted, watched and stopped', async () => {
  const owner = await directory.startChild();
  const orphan = await directory.postmasterPid();
  // As the terminal does on Ctrl-C: a server in the same group would go down before our work.
  process.kill(-owner.pid, 'SIGKILL');
  await once(owner.process, 'exit');
  expect(await isRunning(orphan)).toBe(true);

  const heir = await directory.start();
  expect(await directory.postmasterPid()).toBe(orphan);
  expect(heir.url).toBe(owner.url);
  await directory.killPostmaster();
  await eventually(
    async () => (await directory.postmasterPid()) !== orphan && (await answers(heir.url)),
    'adopted server is back',
  );
  await heir.stop();
  expect(await answers(heir.url)).toBe(false);
});
