// Pure: no I/O, no clock, no randomness.

/** Reads base64 with its padding; undefined when the text is anything else. */
export function bytesOfBase64(text: string): Uint8Array | undefined {
  const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?$/.test(text);
  return isBase64 ? Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)) : undefined;
}

/** Reads hexadecimal digits; undefined when the text is anything else. */
export function bytesOfHex(text: string): Uint8Array | undefined {
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(text)) return undefined;
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}

export function utf8Of(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Joins pieces into one array. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((size, piece) => size + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}
