// Pure: no I/O, no clock, no randomness.

import type { Schema } from './document.ts';

/**
 * JSON that need not be a value: members may come twice, and a leaf is any text. So 1e400, NaN, a lone surrogate and a key that
 * is there twice can be written.
 */
export type Tree =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'object'; readonly members: [name: string, value: Tree][] }
  | { readonly kind: 'array'; readonly items: Tree[] };

/** A value in a tree, and what the document says of it. */
export interface Place {
  /** Of the member that it is or is in; empty at the top. */
  readonly name: string;
  readonly schema: Schema;
  readonly tree: Tree;
  readonly set: (tree: Tree) => void;
  /** Undefined at the top. */
  readonly remove: (() => void) | undefined;
}

export function text(json: string): Tree {
  return { kind: 'text', text: json };
}

export function treeOf(value: unknown): Tree {
  if (Array.isArray(value)) return { kind: 'array', items: value.map(treeOf) };
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(([name, one]): [string, Tree] => [name, treeOf(one)]);
    return { kind: 'object', members };
  }
  return text(JSON.stringify(value) ?? 'null');
}

export function write(tree: Tree): string {
  switch (tree.kind) {
    case 'text':
      return tree.text;
    case 'array':
      return `[${tree.items.map(write).join(',')}]`;
    case 'object':
      return `{${tree.members.map(([name, value]) => `${JSON.stringify(name)}:${write(value)}`).join(',')}}`;
    default:
      return tree satisfies never;
  }
}

/** Every value in a tree, itself first. */
export function placesIn(
  root: Tree,
  { schema, set }: { readonly schema: Schema; readonly set: (tree: Tree) => void },
): readonly Place[] {
  return placesAt({ name: '', schema, tree: root, set, remove: undefined });
}

function placesAt(place: Place): readonly Place[] {
  return [place, ...childrenOf(place).flatMap(placesAt)];
}

function childrenOf({ name, schema, tree }: Place): readonly Place[] {
  if (tree.kind === 'text') return [];
  if (tree.kind === 'array') {
    return tree.items.map((item, at) => ({
      name,
      schema: schema.items ?? {},
      tree: item,
      set: (changed: Tree) => void tree.items.splice(at, 1, changed),
      remove: () => void tree.items.splice(at, 1),
    }));
  }
  return tree.members.map((member) => ({
    name: member[0],
    schema: propertyOf(schema, member[0]) ?? {},
    tree: member[1],
    set: (changed: Tree) => {
      member[1] = changed;
    },
    remove: () => void tree.members.splice(tree.members.indexOf(member), 1),
  }));
}

/** Of an object, wherever its schema says it. */
export function propertyOf(schema: Schema, name: string): Schema | undefined {
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, name)) {
    return schema.properties[name];
  }
  for (const part of [...(schema.allOf ?? []), ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])]) {
    const found = propertyOf(part, name);
    if (found !== undefined) return found;
  }
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

/** The names that the document has for members of an object. */
export function propertyNames(schema: Schema): readonly string[] {
  const parts = [...(schema.allOf ?? []), ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])];
  return [...new Set([...Object.keys(schema.properties ?? {}), ...parts.flatMap(propertyNames)])];
}
