import { describe } from 'vitest';
import { testPairs } from './pairs.ts';
import { kinds } from './stage.ts';

// The day of the webhooks is dropped, or its partitions are made, while somebody works on them.

const daysAgo = 40;
const day = `(now() - interval '${daysAgo} days')::date`;
const others = [
  ...(['claim', 'record 2xx', 'record a retry', 'record a late 2xx', 'give back'] as const),
  ...(['end the poisoned', 'rescue', 'cancel', 'send again', 'go on with the replay'] as const),
  ...(['take back', 'enqueue'] as const),
];

describe('a day that is dropped', () => {
  testPairs(
    { webhooks: kinds },
    {
      daysAgo,
      before: `update posthorn.history set whole_from = 'epoch'; select posthorn.make_partitions(${day});`,
      names: ['drop the day', ...others],
      with: ['drop the day'],
    },
  );
});

describe('a day whose partitions are made late', () => {
  testPairs(
    { webhooks: kinds },
    {
      daysAgo,
      before: `update posthorn.history set whole_from = 'epoch';
        do $do$
        declare
          parent text;
        begin
          foreach parent in array '{outbox,attempts,outcomes}'::text[] loop
            execute format('drop table if exists posthorn.%I', parent || to_char(${day}, '_YYYYMMDD'));
          end loop;
        end
        $do$;`,
      names: ['make the day', ...others],
      with: ['make the day'],
    },
  );
});
