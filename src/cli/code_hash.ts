/** Hashes of code, by which results are told apart that different code has made. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { __version as fastCheck } from 'fast-check';

/** What makes, runs and judges a random fixture. */
const folders = ['core', 'variants', 'workload', 'explore', 'judge', 'fuzz'];
const DIGITS = 16;

/** Of the code that runs: what is built from the sources has another hash than the sources. */
export function modelHash(): string {
  const hash = createHash('sha256').update(fastCheck);
  const top = join(__dirname, '..');
  for (const folder of folders) {
    const files = readdirSync(join(top, folder), { recursive: true, encoding: 'utf8' });
    for (const file of files.filter(isCode).sort()) {
      hash.update(`${folder}/${file.replaceAll('\\', '/')}\n`).update(readFileSync(join(top, folder, file)));
    }
  }
  return hash.digest('hex').slice(0, DIGITS);
}

const isCode = (file: string): boolean => /\.[jt]s$/.test(file) && !file.endsWith('.d.ts');

/** @returns null where there are none */
export function hashOfFiles(files: readonly string[]): string | null {
  if (files.length === 0) return null;
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, DIGITS);
}
