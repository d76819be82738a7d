import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** These take long for their size, which the order goes by where it knows nothing else: none of them must be the last. */
const slow = [
  'chaos/everything',
  'chaos/replay',
  'sql/indexes',
  'catalogue/connections',
  'api/list-plans',
  'bench/peers',
  'interleavings/webhooks',
  'interleavings/lanes',
  'interleavings/probes',
  'supply/package',
  'demo/demo',
  'metrics/attempts',
  'replays/kill',
  'limits-owner',
];

/** The order in which files are tested: what takes long first, so that no worker is left alone with it at the end. */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isSlow = ({ moduleId }: TestSpecification) =>
      slow.some((name) => moduleId.endsWith(`test/${name}.test.ts`));
    return [...sorted.filter(isSlow), ...sorted.filter((file) => !isSlow(file))];
  }
}
