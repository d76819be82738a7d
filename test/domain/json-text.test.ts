import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJsonObject } from '../../src/domain/json-text.ts';

function members(text: string): Record<string, string> {
  const result = readJsonObject(text);
  return result.ok ? Object.fromEntries(result.members) : { fault: result.fault };
}

function fault(text: string): string {
  const result = readJsonObject(text);
  return result.ok ? 'none' : result.fault;
}

describe('the members of an object', () => {
  it('come as they were written', () => {
    expect(
      members(
        ' { "a" : 1.0 , "b":{"2":1,"1":2,"1":3 } ,"c":[ -0, 1e400 ],"d":12345678901234567890 }\n',
      ),
    ).toEqual({
      a: '1.0',
      b: '{"2":1,"1":2,"1":3 }',
      c: '[ -0, 1e400 ]',
      d: '12345678901234567890',
    });
  });

  it('have their escaped names read', () => {
    expect(members('{"\\u0061\\n\\"":"\\u0061"}')).toEqual({ 'a\n"': '"\\u0061"' });
  });

  it('may be called __proto__ and constructor without harm', () => {
    const result = readJsonObject('{"__proto__":{"polluted":true},"constructor":1}');
    expect(result.ok && [...result.members.keys()]).toEqual(['__proto__', 'constructor']);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  it('may be none', () => {
    expect(members('{}')).toEqual({});
  });
});

describe('a text is refused', () => {
  it.each([
    ['nothing', ''],
    ['blanks', ' \n'],
    ['a byte order mark', '\ufeff{}'],
    ['a trailing comma', '{"a":1,}'],
    ['a comma too many', '{"a":[1,,2]}'],
    ['a comment', '{"a":1/**/}'],
    ['single quotes', "{'a':1}"],
    ['a bare key', '{a:1}'],
    ['NaN', '{"a":NaN}'],
    ['Infinity', '{"a":-Infinity}'],
    ['a leading zero', '{"a":01}'],
    ['a leading plus', '{"a":+1}'],
    ['a number that ends in a dot', '{"a":1.}'],
    ['an empty exponent', '{"a":1e}'],
    ['hexadecimal', '{"a":0x10}'],
    ['a line feed in a string', '{"a":"\n"}'],
    ['an unknown escape', '{"a":"\\x41"}'],
    ['a short escape', '{"a":"\\u00"}'],
    ['an open string', '{"a":"b'],
    ['an open object', '{"a":1'],
    ['the wrong bracket', '{"a":[1}}'],
    ['something after the end', '{} {}'],
    ['a word in upper case', '{"a":TRUE}'],
    ['a blank that is none in JSON', '{"a":\u00a01}'],
  ])('with %s', (_what, text) => {
    expect(fault(text)).toBe('invalid_json');
  });

  it.each(['[]', '1', '"{}"', 'null', 'true'])('when it is %s and not an object', (text) => {
    expect(fault(text)).toBe('not_an_object');
  });

  it('when a key appears twice, however it is spelled', () => {
    expect(fault('{"a":1,"b":2,"a":3}')).toBe('duplicate_key');
    expect(fault('{"a":1,"\\u0061":3}')).toBe('duplicate_key');
    expect(fault('{"x":{"a":1,"a":3}}')).toBe('none');
  });

  it('when it is nested deeper than 64 levels, however deep', () => {
    const nested = (depth: number) => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
    expect(fault(nested(64))).toBe('none');
    expect(fault(nested(65))).toBe('too_deep');
    expect(fault(nested(1_000_000))).toBe('too_deep');
  });
});

it.each([
  ['{"a":1} x', 'expected the end at character 9, but found something else'],
  ['{"a":}', 'expected a value at character 6, but found something else'],
  ['{a:1}', 'expected a key in quotes at character 2, but found something else'],
  ['{"a" 1}', 'expected a colon at character 6, but found something else'],
  ['{"a":1 2}', 'expected a comma or } at character 8, but found something else'],
  ['{"a":[1', 'expected a comma or ] at character 8, but found the end'],
  ['{"a":"b', 'expected a closing quote at character 8, but found the end'],
  ['{"a":"\\x"}', 'expected an escape at character 8, but found something else'],
  ['[1]', 'the outermost value is not an object'],
  ['{"a":1,"a":2}', 'the key "a" appears twice'],
])('of %s it is said: %s', (text, detail) => {
  expect(readJsonObject(text)).toMatchObject({ ok: false, detail });
});

it('takes a long text in time proportional to it', () => {
  const text = `{"a":"${'\\n'.repeat(500_000)}","b":${'1'.repeat(500_000)}}`;
  const start = performance.now();
  expect(fault(text)).toBe('none');
  // It takes 0.05 s, and minutes if each character looks at all before it: nothing in between, however busy the machine is.
  expect(performance.now() - start).toBeLessThan(20_000);
});

/** JSON with the blanks and spellings that JSON.stringify never makes. */
const jsonObject = fc
  .tuple(
    fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })),
    fc.constantFrom(0, 1, '\t', '\r\n '),
  )
  .map(([value, indent]) => JSON.stringify(value, null, indent === 0 ? undefined : indent));

describe('agrees with JSON.parse()', () => {
  it('on the value of each member', () => {
    fc.assert(
      fc.property(jsonObject, (text) => {
        const result = readJsonObject(text);
        const expected: unknown = JSON.parse(text);
        const read = result.ok
          ? Object.fromEntries([...result.members].map(([name, raw]) => [name, JSON.parse(raw)]))
          : undefined;
        expect(read).toStrictEqual(expected);
      }),
    );
  });

  it('on what is JSON, after any change to a valid text', () => {
    const edit = fc.record({
      at: fc.nat(),
      remove: fc.nat(3),
      insert: fc.constantFrom(
        '',
        '"',
        '\\',
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '0',
        '-',
        '.',
        'e',
        'u',
        ' ',
        '\n',
        'null',
      ),
    });
    fc.assert(
      fc.property(jsonObject, fc.array(edit, { minLength: 1, maxLength: 3 }), (text, edits) => {
        let changed = text;
        for (const { at, remove, insert } of edits) {
          const from = at % (changed.length + 1);
          changed = changed.slice(0, from) + insert + changed.slice(from + remove);
        }
        const found = fault(changed);
        // What is refused for one of these is not read to its end.
        if (found === 'duplicate_key' || found === 'too_deep') return;
        expect(found !== 'invalid_json').toBe(isJson(changed));
      }),
      { numRuns: 2_000 },
    );
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
