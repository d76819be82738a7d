import { generate } from 'selfsigned';

/** PEM. */
export interface KeyAndCertificate {
  readonly key: string;
  readonly cert: string;
}

export interface Certificates {
  /** The authority's certificate, which a client has to trust. */
  readonly ca: string;
  /** For {@link host}, names below it, and 127.0.0.1. */
  readonly good: KeyAndCertificate;
  readonly expired: KeyAndCertificate;
  readonly notYetValid: KeyAndCertificate;
  /** For another host. */
  readonly wrongHost: KeyAndCertificate;
  readonly selfSigned: KeyAndCertificate;
  readonly ofUnknownAuthority: KeyAndCertificate;
}

/** The name that the certificates are for. */
export const host = 'receiver.test';

const dayMs = 86_400_000;

/** An authority of our own, and what receivers do right and wrong with certificates. */
export async function makeCertificates(): Promise<Certificates> {
  const ca = await makeAuthority('Posthorn test authority');
  return {
    ca: ca.cert,
    good: await issue({ ca }),
    expired: await issue({ ca, fromDays: -30, toDays: -1 }),
    notYetValid: await issue({ ca, fromDays: 1, toDays: 30 }),
    wrongHost: await issue({ ca, name: 'other.test' }),
    selfSigned: await issue({}),
    ofUnknownAuthority: await issue({ ca: await makeAuthority('Nobody knows it') }),
  };
}

async function makeAuthority(name: string): Promise<KeyAndCertificate> {
  const made = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { key: made.private, cert: made.cert };
}

async function issue({
  ca,
  name = host,
  fromDays = -1,
  toDays = 30,
}: {
  ca?: KeyAndCertificate;
  name?: string;
  fromDays?: number;
  toDays?: number;
}): Promise<KeyAndCertificate> {
  const altNames =
    name === host
      ? [
          { type: 2 as const, value: name },
          { type: 2 as const, value: `*.${name}` },
          { type: 7 as const, ip: '127.0.0.1' },
        ]
      : [{ type: 2 as const, value: name }];
  const made = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() + fromDays * dayMs),
    notAfterDate: new Date(Date.now() + toDays * dayMs),
    extensions: [{ name: 'subjectAltName', altNames }],
    ...(ca === undefined ? {} : { ca }),
  });
  return { key: made.private, cert: made.cert };
}
