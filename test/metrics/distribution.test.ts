import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { Distribution } from '../../src/metrics/distribution.ts';

const help = 'What it is.';
const bounds = [0.5, 1, 10];
const values = ['a', 'b'];

it('shows what a histogram of prom-client shows, for any values', async () => {
  const observations = fc.array(
    fc.record({
      value: fc.oneof(fc.constantFrom(...bounds), fc.double({ min: 0, max: 100, noNaN: true })),
      at: fc.integer({ min: 0, max: 1 }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(observations, async (observed) => {
      const [ours, theirs] = [new Registry(), new Registry()];
      const label = { name: 'label', values };
      const distribution = new Distribution({ name: 'it', help, registry: ours, bounds, label });
      const histogram = new Histogram({
        name: 'it',
        help,
        buckets: bounds,
        labelNames: ['label'],
        registers: [theirs],
      });
      for (const value of values) histogram.zero({ label: value });
      for (const { value, at } of observed) {
        distribution.note(value, at);
        histogram.observe({ label: values[at] ?? '' }, value);
      }
      expect(await ours.metrics()).toBe(await theirs.metrics());
    }),
  );
});

it('needs no label', async () => {
  const registry = new Registry();
  const distribution = new Distribution({ name: 'it', help, registry, bounds: [1] });
  distribution.note(3);
  expect(await registry.metrics()).toContain(
    'it_bucket{le="1"} 0\nit_bucket{le="+Inf"} 1\nit_sum 3',
  );
});
