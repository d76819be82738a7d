import type { Bench } from '../../bench.ts';
import { runProduct } from '../../product-run.ts';
import type { Result } from '../../report.ts';
import { runYardstick } from '../../yardstick-run.ts';
import { runPeers, violationsOf } from '../peers/peer-rounds.ts';
import { openPeerStage, type PeerStage } from '../peers/stage.ts';
import { type Cell, type CellRun, cellWords, matrixTables } from './report.ts';

const delaysMs = [0, 50] as const;
const endpointCounts = [1, 100, 5_000] as const;
const fleets = [1, 2, 4] as const;

/** The yardstick has 100 in flight: a receiver that takes its time is all that it would measure for minutes. */
const delayedYardstick = 10_000;

/** The drain at every combination of receiver, endpoints and workers that the command line leaves, in each round. */
export async function runMatrix(bench: Bench): Promise<Result> {
  const { options, progress } = bench;
  await using stage = await openPeerStage(bench);
  const cells = cellsOf(options.fixed);
  const runs: CellRun[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const [index, cell] of cells.entries()) {
      const run = { round, cell, ...(await runCell(bench, { stage, cell })) };
      runs.push(run);
      progress.done(
        `round ${round} of ${options.rounds}, ${index + 1} of ${cells.length}, ${cellWords(cell)}: ` +
          `bare POSTs ${Math.round(run.dispatch.perSecond)}/s, Posthorn ${Math.round(run.product.perSecond)}/s` +
          Object.entries(run.peers)
            .map(([name, { perSecond }]) => `, ${name} ${Math.round(perSecond)}/s`)
            .join(''),
      );
    }
  }
  return {
    title: [
      `Drains of ${options.webhooks.toLocaleString('en')} webhooks of 1 KB; medians of ${options.rounds} round(s)`,
      ...stage.notes,
    ].join('\n'),
    sections: matrixTables({ cells, runs, names: stage.names }),
    violations: runs.flatMap(({ round, cell, dispatch, product, peers }) =>
      [...dispatch.violations, ...product.violations, ...violationsOf(peers)].map(
        (violation) => `round ${round}, ${cellWords(cell)}: ${violation}`,
      ),
    ),
    runs,
  };
}

function cellsOf({ delayMs, endpoints, workers }: Partial<Cell>): Cell[] {
  const cells: Cell[] = [];
  for (const delay of delayMs === undefined ? delaysMs : [delayMs]) {
    for (const count of endpoints === undefined ? endpointCounts : [endpoints]) {
      for (const fleet of workers === undefined ? fleets : [workers]) {
        cells.push({ delayMs: delay, endpoints: count, workers: fleet });
      }
    }
  }
  return cells;
}

async function runCell(bench: Bench, { stage, cell }: { stage: PeerStage; cell: Cell }) {
  const options = { ...bench.options, ...cell };
  const bareCount =
    cell.delayMs === 0 ? options.webhooks : Math.min(options.webhooks, delayedYardstick);
  const dispatch = await runYardstick(
    { ...bench, options: { ...options, webhooks: bareCount } },
    'dispatch',
  );
  const product = await runProduct({ ...bench, options });
  const peers = await runPeers({ ...bench, options }, { stage });
  return { dispatch, product, peers };
}
