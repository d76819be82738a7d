import { setTimeout as delay } from 'node:timers/promises';

/** Asks again and again until there is an answer. For states that no event tells of; rejects after 60 s, if not said otherwise. */
export async function eventually<Answer>(
  ask: () => Promise<Answer | undefined | false>,
  what: string,
  withinMs = 60_000,
): Promise<Answer> {
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    await delay(20);
  }
  throw new Error(`Did not happen in time: ${what}`);
}
