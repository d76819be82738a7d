// Pure: no I/O, no clock, no randomness.

import type { Random } from '../harness/random.ts';
import type { Draft } from './draft.ts';
import { hostileJson, hostileText } from './hostile.ts';
import type { Mutator, MutatorContext } from './mutator.ts';
import {
  type Place,
  placesIn,
  propertyNames,
  propertyOf,
  type Tree,
  text,
  treeOf,
} from './tree.ts';
import { validValue } from './valid.ts';

/*
 * What may be wrong with a JSON body while its bytes are still those of a text: fields, types, values, names, depth.
 */

const strangeNames = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'then',
  '',
  ' ',
  '\0',
  '\ud800',
  'a/b~c',
  '$ref',
  '0',
  'ıd',
];

const commonFields = [
  'url',
  'endpoint_id',
  'body',
  'secret',
  'filter',
  'ids',
  'status',
  'send_at',
  'force',
  'headers',
];

export const bodyMutators: readonly Mutator[] = [
  forPlace('a hostile value', (place, context) => {
    place.set(text(hostileJson(place.schema, { ...context, name: place.name })));
  }),
  forPlace('null', (place) => place.set(text('null'))),
  forPlace('left out', (place) => (place.remove ?? (() => place.set(text('{}'))))()),
  forPlace('a field from elsewhere', (place, { random, known }) => {
    const name = random.pick(commonFields);
    // Where it is not expected, it may be shown as what is wrong: so there is nothing secret in it.
    const harmless = { ...known, planted: 'x' };
    const value = validValue({}, { random, known: harmless, name, path: '/webhooks' });
    addMember(place, { name, value: treeOf(value) });
  }),
  forPlace('an unknown field', (place, { random }) => {
    const name = random.pick([...strangeNames, hostileText(random)]);
    addMember(place, { name, value: treeOf(random.pick([1, 'x', {}, [], null])) });
  }),
  forPlace('another field of the same', (place, { random, known }) => {
    const names = propertyNames(place.schema);
    const name = names.length === 0 ? 'extra' : random.pick(names);
    const schema = propertyOf(place.schema, name) ?? {};
    const value = validValue(schema, { random, known, name, path: '/webhooks' });
    addMember(place, { name, value: treeOf(value) });
  }),
  forPlace('a key twice', ({ tree, schema }, { random, known }) => {
    if (tree.kind !== 'object' || tree.members.length === 0) return;
    const [name, value] = random.pick(tree.members);
    const other = text(hostileJson(propertyOf(schema, name) ?? {}, { random, known, name }));
    tree.members.push([name, random.pick([value, other])]);
  }),
  forPlace('a key in another case', ({ tree }, { random }) => {
    if (tree.kind !== 'object' || tree.members.length === 0) return;
    const member = random.pick(tree.members);
    member[0] = random.pick([member[0].toUpperCase(), ` ${member[0]}`, `${member[0]}\0`]);
  }),
  forPlace('deep nesting', (place, { random }) => {
    place.set(text(nested(random)));
  }),
  forPlace('the value within itself', (place, { random }) => {
    const { tree } = place;
    place.set(
      random.pick<Tree>([
        { kind: 'array', items: [tree] },
        { kind: 'array', items: [tree, tree] },
        { kind: 'object', members: [['value', tree]] },
      ]),
    );
  }),
  {
    name: 'another body',
    fits: hasBody,
    apply: (draft, { random }) => {
      draft.body = text(
        random.pick([
          'null',
          'true',
          '1',
          '"text"',
          '[]',
          '[{}]',
          '{}',
          '',
          ' ',
          '{',
          '}',
          '{}{}',
          '{"":""}',
          'NaN',
          '{"__proto__":{"url":"x"}}',
          '{"a":1',
          '{"a":1}//',
          '\ufeff{}',
          "{'a':1}",
          '{"a":1,}',
        ]),
      );
    },
  },
];

/** A mutation of one value in the body. */
function forPlace(name: string, apply: (place: Place, context: MutatorContext) => void): Mutator {
  return {
    name: `body: ${name}`,
    fits: hasBody,
    apply(draft, context) {
      const { body, operation } = draft;
      if (body === undefined) return;
      const places = placesIn(body, {
        schema: operation.body?.schema ?? {},
        set: (tree) => {
          draft.body = tree;
        },
      });
      apply(context.random.pick(places), context);
    },
  };
}

function hasBody({ body }: Draft): boolean {
  return body !== undefined;
}

/** To the object that a place is; of anything else it makes one. */
function addMember(
  place: Place,
  { name, value }: { readonly name: string; readonly value: Tree },
): void {
  if (place.tree.kind === 'object') place.tree.members.push([name, value]);
  else place.set({ kind: 'object', members: [[name, value]] });
}

function nested(random: Random): string {
  const depth = random.pick([2, 61, 62, 63, 64, 65, 66, 500, 5_000, 30_000]);
  const open = random.pick(['[', '{"a":']);
  const inner = open === '[' ? random.pick(['', '1']) : '1';
  const close = open === '[' ? ']' : '}';
  // Unclosed now and then: a parser that goes deep first must not be brought down either.
  return open.repeat(depth) + inner + close.repeat(random.next() < 0.9 ? depth : 0);
}
