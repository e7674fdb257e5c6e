import { debianVersion, newestPackage } from '../../src/conform/debian_kernel';
import { swapHeader } from '../../src/conform/drives';

test('swap space has the header that the kernel looks for', () => {
  const header = swapHeader(256 << 20);
  expect(header.toString('latin1', 4086)).toBe('SWAPSPACE2');
  expect([header.readUInt32LE(1024), header.readUInt32LE(1028)]).toEqual([1, 65535]);
});

const listing = [
  'linux-image-6.1.0-47-cloud-amd64 - Linux 6.1 (signed)',
  'linux-image-6.1.0-9-cloud-amd64 - Linux 6.1 (signed)',
  'linux-image-6.1.0-47-cloud-amd64-unsigned - Linux 6.1',
  'linux-image-6.1.0-56-cloud-amd64-dbg - Debug symbols',
  'linux-image-6.12-cloud-amd64 - Linux (meta-package)',
  'linux-image-6.12.111+deb12-cloud-amd64-unsigned - Linux 6.12',
].join('\n');

test.each([
  { version: '6.1', name: 'linux-image-6.1.0-47-cloud-amd64' },
  { version: '6.12', name: 'linux-image-6.12.111+deb12-cloud-amd64-unsigned' },
  { version: '6', name: 'linux-image-6.12.111+deb12-cloud-amd64-unsigned' },
  { version: '5.10', name: null },
])('of Debian packages for $version: $name', ({ version, name }) => {
  expect(newestPackage(listing, version)).toBe(name);
});

test.each([
  { kernel: 'debian:6.1', version: '6.1' },
  { kernel: 'debian:6.1; true', version: null },
  { kernel: 'live', version: null },
])('$kernel: $version', ({ kernel, version }) => expect(debianVersion(kernel)).toBe(version));
