import { setTimeout as delay } from 'node:timers/promises';

/** Asks again and again until there is an answer. For states that no event tells of; rejects after 15 s. */
export async function eventually<Answer>(
  ask: () => Promise<Answer | undefined | false>,
  what: string,
): Promise<Answer> {
  const deadline = performance.now() + 15_000;
  while (performance.now() < deadline) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    await delay(20);
  }
  throw new Error(`Did not happen in time: ${what}`);
}
