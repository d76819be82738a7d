import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** These take long for their size, which the order goes by where it knows nothing else: none of them must be the last. */
const slow = [
  'chaos/everything',
  'chaos/replay',
  'embedded/embedded-postgres',
  'dashboard/try-api',
  'fuzz/fuzz',
  'api/list-plans',
  'catalogue/answers',
  'doctor/spoiled',
  'sql/plans',
  'bench/peers',
  'interleavings/webhooks',
  'interleavings/lanes',
  'interleavings/probes',
  'cli',
  'metrics/engine',
  'throttled-receivers',
  'breaker',
  'limits-owner',
  'catalogue/connections',
  'supply/package',
  'demo/demo',
  'replays/kill',
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
