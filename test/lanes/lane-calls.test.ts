import { describe, expect, it } from 'vitest';
import { parseWakeCall } from '../../src/db/wake-call.ts';
import { LaneCalls } from '../../src/lanes/lane-calls.ts';

describe('a notification', () => {
  it.each([
    ['', { kind: 'wake' }],
    ['scan', { kind: 'scan' }],
    ['closed:0', { kind: 'closed', key: '0' }],
    ['closed:-9223372036854775808', { kind: 'closed', key: '-9223372036854775808' }],
    ['rules:9223372036854775807', { kind: 'rules', key: '9223372036854775807' }],
    ['origin:-7', { kind: 'origin', key: '-7' }],
  ])('%j is understood', (payload, call) => {
    expect(parseWakeCall(payload)).toEqual(call);
  });

  it.each(malformed().map((payload) => [payload]))('%j is not', (payload) => {
    expect(parseWakeCall(payload)).toBeUndefined();
  });
});

function malformed(): string[] {
  const lanes = ['', 'abc', '1e3', '0x10', 'NaN', 'null', ' 5', '5 ', '05', '-0', '+1', '1.0', '१'];
  const tooMuch = ['9223372036854775808', '-9223372036854775809', '9'.repeat(7_000)];
  return [
    ...[...lanes, ...tooMuch, '1:2', '1;drop', '__proto__', '1\n', '{1}', '1,2'].flatMap((lane) => [
      `closed:${lane}`,
      `rules:${lane}`,
    ]),
    ...['closed', 'rules', 'Closed:1', 'opened:1', 'scan ', 'stop', ':', '{"a":1}', '\u0001'],
  ];
}

describe('lanes that notifications name', () => {
  /** What was passed on. */
  function ground(owned: readonly string[] = []) {
    const wanted: string[] = [];
    const slow: string[] = [];
    let scans = 0;
    const calls = new LaneCalls({
      book: {
        owned: { names: [...owned] },
        slowStart: (lane) => slow.push(lane),
        slowStartOrigin: (origin) => slow.push(`origin ${origin}`),
      },
      limited: { want: (lane) => wanted.push(lane) },
      scan: {
        want: () => {
          scans += 1;
        },
      },
    });
    return { calls, wanted, slow, scans: () => scans };
  }

  it('are passed on, each once, and begin slowly if one of the calls said so', () => {
    const { calls, wanted, slow, scans } = ground(['9']);
    calls.add('1', 'closed');
    calls.add('1', 'rules');
    calls.add('2', 'rules');
    calls.add('3', 'rules');
    calls.add('3', 'closed');
    calls.hear(0);
    expect([wanted, slow, scans()]).toEqual([['1', '2', '3'], ['1', '3'], 0]);
    calls.hear(1_000);
    expect(wanted).toHaveLength(3);
  });

  it('that are origins begin slowly, and all lanes are looked at', () => {
    const { calls, wanted, slow, scans } = ground();
    calls.add('5', 'origin');
    calls.hear(0);
    expect([wanted, slow, scans()]).toEqual([[], ['origin 5'], 1]);
  });

  it('are kept up to a bound in a flood; the lanes of this worker and a scan stand in for the others', () => {
    const { calls, wanted, scans } = ground(['77', '78']);
    for (let lane = 0; lane < 1_000_000; lane += 1) calls.add(String(lane), 'closed');
    calls.hear(0);
    expect(wanted).toHaveLength(1_002);
    expect(wanted.slice(-2)).toEqual(['77', '78']);
    expect(scans()).toBe(1);
    // The next ones wait, so that a flood does not become a flood of statements.
    calls.add('5', 'rules');
    calls.hear(900);
    expect(wanted).toHaveLength(1_002);
    calls.hear(1_000);
    expect(wanted.at(-1)).toBe('5');
  });
});
