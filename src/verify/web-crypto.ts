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
 * Web Crypto, which every runtime has as a global, except Node 18: there it is found in its module. The name of the module
 * is a variable and the comments name bundlers, so that no bundler looks for it.
 *
 * @throws Error when the runtime has none, such as a page that was not loaded over https.
 */
export async function webCrypto(): Promise<Subtle> {
  const here: unknown = globalThis.crypto?.subtle ?? (await cryptoOfNode());
  if (typeof here === 'object' && here !== null) return here as Subtle;
  throw new Error('This runtime has no Web Crypto: crypto.subtle is missing');
}

async function cryptoOfNode(): Promise<unknown> {
  const name = 'node:crypto';
  try {
    const { webcrypto } = await import(
      /* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ name
    );
    return webcrypto.subtle;
  } catch {
    return undefined;
  }
}
