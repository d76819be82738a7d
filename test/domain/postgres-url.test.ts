import { expect, it } from 'vitest';
import { brokenUrlRule } from '../../src/domain/postgres-url.ts';

it.each([
  'postgres://me:secret@db.example:5432/app',
  'postgresql://db.example/app',
  'postgres://db.example/app?sslmode=verify-full',
  'postgres://db.example/app?sslmode=disable',
  'postgres://db.example/app?sslmode=no-verify',
  'postgres://db.example/app?sslmode=verify-ca&sslrootcert=/ca.pem',
  'postgres://db.example/app?sslrootcert=system&sslmode=verify-full',
])('%s may be used', (url) => {
  expect(brokenUrlRule(url)).toBeUndefined();
});

it.each([
  ['', 'a URL like'],
  ['db.example/app', 'a URL like'],
  ['mysql://db.example/app', 'a URL like'],
  ['postgresx://db.example/app', 'a URL like'],
  ['xpostgres://db.example/app', 'a URL like'],
  ['postgres://db.example/app?sslmode=', 'sslmode must be one of disable, allow, prefer'],
  ['postgres://db.example/app?sslmode=on', 'sslmode must be one of'],
  ['postgres://db.example/app?sslmode=verify-ca', 'sslrootcert'],
  ['postgres://db.example/app?sslmode=verify-ca&sslrootcert=system', 'sslrootcert'],
])('%j breaks a rule: %s', (url, rule) => {
  expect(brokenUrlRule(url)).toContain(rule);
});
