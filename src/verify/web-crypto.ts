/** The part of Web Crypto that verification needs. A key is only handed from one function to the other. */
export interface Subtle {
  importKey(
    format: 'raw',
    bytes: Uint8Array,
    algorithm: { readonly name: string; readonly hash?: string },
    isExtractable: boolean,
    usages: readonly ['verify'],
  ): Promise<unknown>;
  verify(
    algorithm: string,
    key: unknown,
    signature: Uint8Array,
    data: Uint8Array,
  ): Promise<boolean>;
}

/**
 * The Web Crypto of this runtime.
 *
 * Node 18 has it in a module alone. To import that here would trouble the bundlers of all the other runtimes, so that a program
 * for Node 18 makes it a global itself.
 *
 * @throws TypeError when there is none.
 */
export function webCrypto(): Subtle {
  const { crypto } = globalThis as { readonly crypto?: { readonly subtle?: unknown } };
  const subtle = crypto?.subtle;
  if (typeof subtle === 'object' && subtle !== null) return subtle as Subtle;
  throw new TypeError(
    'The runtime must have Web Crypto (crypto.subtle): this one has not. For Node 18: import { webcrypto } from "node:crypto"; globalThis.crypto ??= webcrypto. In a browser the page must come over https',
  );
}
