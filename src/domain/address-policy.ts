// Pure: no I/O, no clock, no randomness.

import { BlockList, isIP } from 'node:net';

/**
 * Special-purpose IPv4 networks (IANA registry, RFC 6890) and 168.63.129.16, Azure's metadata service, which looks like
 * a public address and is missing from the usual lists of private ones.
 */
const blockedV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];

/**
 * Everything outside 2000::/3, the only global unicast space: loopback, IPv4-mapped, NAT64, unique local, link-local and
 * multicast among it. Then the special networks inside: Teredo and ORCHID, documentation, 6to4, AS112, documentation.
 */
const blockedV6 = [
  '::/3',
  '4000::/2',
  '8000::/1',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '2620:4f:8000::/48',
  '3fff::/20',
];

/**
 * Decides which addresses may be connected to: public ones, and those in `allow` (addresses or CIDRs).
 *
 * Fails closed: any text that is not an IP address is refused. A zone (`fe80::1%eth0`) is ignored, because BlockList
 * would let the address pass.
 *
 * @throws Error when a network is not an address or a CIDR.
 */
export function createAddressPolicy({
  allow,
}: {
  readonly allow: readonly string[];
}): (ip: string) => boolean {
  const allowed = networks(allow);
  const blocked = networks([...blockedV4, ...blockedV6]);
  return (ip) => {
    const family = isIP(ip);
    if (family === 0) return false;
    if (family === 4) return allowed.v4.check(ip, 'ipv4') || !blocked.v4.check(ip, 'ipv4');
    const [address = ''] = ip.split('%');
    // A v4 rule also matches the same address written as IPv4-mapped, which is the same host.
    if (allowed.v6.check(address, 'ipv6') || allowed.v4.check(address, 'ipv6')) return true;
    return !blocked.v6.check(address, 'ipv6');
  };
}

/** Whether a text is an address or a CIDR. */
export function isNetwork(text: string): boolean {
  const [address = '', prefix, rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest !== undefined) return false;
  return (
    prefix === undefined ||
    (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128))
  );
}

/** Builds one list per family: in a shared list the rule ::/3 would also match every IPv4 address. */
function networks(cidrs: readonly string[]): { v4: BlockList; v6: BlockList } {
  const lists = { v4: new BlockList(), v6: new BlockList() };
  for (const cidr of cidrs) {
    const [address = '', prefix] = cidr.split('/');
    const family = isIP(address);
    if (family === 4) lists.v4.addSubnet(address, Number(prefix ?? 32), 'ipv4');
    else if (family === 6) lists.v6.addSubnet(address, Number(prefix ?? 128), 'ipv6');
    else {
      throw new Error(`An allowed network must be an address or a CIDR: "${cidr}" is not`);
    }
  }
  return lists;
}
