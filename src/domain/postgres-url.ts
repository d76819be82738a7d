// Pure: no I/O, no clock, no randomness.

const modes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];

/** The rule that a database URL breaks; undefined when it breaks none. Never repeats the URL, which may hold a password. */
export function brokenUrlRule(databaseUrl: string): string | undefined {
  if (!URL.canParse(databaseUrl) || !/^postgres(ql)?:$/.test(new URL(databaseUrl).protocol)) {
    return 'it must be a URL like postgres://user:password@host:5432/database';
  }
  const { searchParams } = new URL(databaseUrl);
  const mode = searchParams.get('sslmode');
  if (mode !== null && !modes.includes(mode)) {
    return `its sslmode must be one of ${modes.join(', ')}`;
  }
  const roots = searchParams.get('sslrootcert');
  if (mode === 'verify-ca' && (roots === null || roots === 'system')) {
    return 'with sslmode=verify-ca it must name the file with the certificate authority as sslrootcert';
  }
  return undefined;
}
