/** Drives for a guest: swap space, and a file system where this machine can make one. */
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTool } from './child';
import { type Env, findProgram } from './place';

export interface Drive {
  readonly kind: 'swap' | 'ext4';
  readonly file: string;
}

const SWAP_BYTES = 256 << 20;
const EXT4_BYTES = 64 << 20;
const PAGE = 4096;

export async function makeDrives(folder: string, env: Env): Promise<Drive[]> {
  const swap = join(folder, 'swap');
  sparse(swap, SWAP_BYTES, swapHeader(SWAP_BYTES));
  const drives: Drive[] = [{ kind: 'swap', file: swap }];
  const mke2fs = findProgram(env, 'mke2fs', 'mkfs.ext4');
  if (!mke2fs) return drives;
  const ext4 = join(folder, 'ext4');
  sparse(ext4, EXT4_BYTES, Buffer.alloc(0));
  const made = await runTool(mke2fs, ['-q', '-F', '-t', 'ext4', ext4], { env, seconds: 60 });
  return made.code === 0 ? [...drives, { kind: 'ext4', file: ext4 }] : drives;
}

/** What mkswap writes: version 1, the last page, and the signature at the end of the first one. */
export function swapHeader(bytes: number): Buffer {
  const page = Buffer.alloc(PAGE);
  page.writeUInt32LE(1, 1024);
  page.writeUInt32LE(bytes / PAGE - 1, 1028);
  page.write('SWAPSPACE2', PAGE - 10, 'latin1');
  return page;
}

function sparse(path: string, bytes: number, head: Buffer): void {
  writeFileSync(path, head);
  truncateSync(path, bytes);
}
