/** An initramfs: a cpio archive in the "newc" form that the kernel unpacks. */

export interface CpioEntry {
  readonly name: string;
  /** Type and permissions, as st_mode has them. */
  readonly mode: number;
  readonly data: Buffer;
  /** Of a device node. */
  readonly device?: { readonly major: number; readonly minor: number };
}

export const REGULAR = 0o100000;
export const DIRECTORY = 0o040000;
export const CHARACTER = 0o020000;

const TRAILER = 'TRAILER!!!';
const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);

function entryBytes({ name, mode, data, device }: CpioEntry, inode: number): Buffer {
  const fields = [
    ...[inode, mode, 0, 0, 1, 0, data.length, 0, 0],
    ...[device?.major ?? 0, device?.minor ?? 0, Buffer.byteLength(name) + 1, 0],
  ];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return Buffer.concat([padded(Buffer.from(`${header}${name}\0`)), padded(data)]);
}

export function cpio(entries: readonly CpioEntry[]): Buffer {
  const all = [...entries, { name: TRAILER, mode: 0, data: Buffer.alloc(0) }];
  return Buffer.concat(all.map((entry, i) => entryBytes(entry, entry.name === TRAILER ? 0 : i + 1)));
}
