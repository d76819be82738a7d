import type { Receiver } from '../../harness/receiver.ts';

/** Lets a receiver answer after 15 ms, and counts how many requests are under way. */
export function measureLoad(receiver: Pick<Receiver, 'answer'>): { now: number; most: number } {
  const load = { now: 0, most: 0 };
  receiver.answer((_request, response) => {
    load.now += 1;
    load.most = Math.max(load.most, load.now);
    setTimeout(() => {
      load.now -= 1;
      response.end();
    }, 15);
  });
  return load;
}
