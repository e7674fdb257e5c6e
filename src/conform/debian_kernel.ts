/** `debian:6.1`: an installed kernel of that version, or Debian's package of it, unpacked into the user's cache. */
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { CannotRunError } from './cannot_run';
import { runTool } from './child';
import { cacheDirectory, type Env, findProgram, withTemporary } from './place';

const VERSION = /^\d+(\.\d+)*$/;

/** The version of `debian:VERSION`, or null for anything else. */
export function debianVersion(kernel: string): string | null {
  const version = /^debian:(.*)$/.exec(kernel)?.[1];
  return version !== undefined && VERSION.test(version) ? version : null;
}

/**
 * The path of its vmlinuz.
 * @throws CannotRunError
 */
export async function debianKernel(version: string, env: Env, signal?: AbortSignal): Promise<string> {
  const cache = join(cacheDirectory(env), `debian-${version}`);
  const found = imageIn('/boot', version) ?? imageIn(cache, version);
  if (found) return found;
  const apt = findProgram(env, 'apt-get');
  const search = findProgram(env, 'apt-cache');
  const dpkg = findProgram(env, 'dpkg-deb');
  if (!apt || !search || !dpkg) {
    throw new CannotRunError(`no kernel ${version} in /boot, and no apt to download one`);
  }
  const listed = await runTool(search, ['search', '--names-only', '^linux-image-[0-9].*-cloud-amd64'], {
    env,
    seconds: 60,
    signal,
  });
  const name = newestPackage(listed.stdout, version);
  if (!name) {
    throw new CannotRunError(
      `no kernel ${version} in /boot, and apt knows no package linux-image-${version}*-cloud-amd64 (apt-get update?)`,
    );
  }
  return withTemporary(async (folder) => {
    const got = await runTool(apt, ['download', name], { env, seconds: 300, cwd: folder, folder, signal });
    const deb = readdirSync(folder).find((file) => file.endsWith('.deb'));
    if (got.code !== 0 || !deb) {
      throw new CannotRunError(`apt-get download ${name} failed: ${got.stderr.trim().split('\n').at(-1)}`);
    }
    const unpacked = await runTool(dpkg, ['-x', deb, 'unpacked'], {
      env,
      seconds: 120,
      cwd: folder,
      folder,
      signal,
    });
    const image = unpacked.code === 0 ? imageIn(join(folder, 'unpacked/boot'), version) : null;
    if (!image) throw new CannotRunError(`${name} holds no kernel ${version}`);
    return keep(image, cache);
  });
}

/** Puts it into the cache, whole or not at all. */
function keep(image: string, cache: string): string {
  const name = image.split('/').at(-1)!;
  const unfinished = join(cache, `.${name}.${process.pid}`);
  mkdirSync(cache, { recursive: true });
  try {
    cpSync(image, unfinished);
    renameSync(unfinished, join(cache, name));
  } finally {
    rmSync(unfinished, { force: true });
  }
  return join(cache, name);
}

/** The newest readable one. */
function imageIn(folder: string, version: string): string | null {
  if (!existsSync(folder)) return null;
  const names = readdirSync(folder).filter((name) => isOf(name.replace(/^vmlinuz-/, ''), version, name));
  for (const name of names.sort(byVersion).reverse()) {
    try {
      accessSync(join(folder, name), constants.R_OK);
      return join(folder, name);
    } catch {
      // Some systems let only root read them.
    }
  }
  return null;
}

const isOf = (release: string, version: string, name: string): boolean =>
  name.startsWith('vmlinuz-') &&
  (release === version || /^[.+-]/.test(release.slice(version.length))) &&
  release.startsWith(version);

/** Of the lines of `apt-cache search`: signed before unsigned, which is the same kernel. */
export function newestPackage(listing: string, version: string): string | null {
  const names = listing
    .split('\n')
    .map((line) => line.split(' ')[0]!)
    .filter((name) => /-cloud-amd64(-unsigned)?$/.test(name))
    .filter((name) => {
      const release = name.replace(/^linux-image-/, '');
      // A name without the full release is a meta-package.
      return /^\d+\.\d+\.\d+/.test(release) && isOf(release, version, 'vmlinuz-');
    });
  return names.sort(byVersion).at(-1) ?? null;
}

function byVersion(a: string, b: string): number {
  const numbers = (text: string): number[] => (text.match(/\d+/g) ?? []).map(Number);
  const [left, right] = [numbers(a), numbers(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? -1) - (right[i] ?? -1);
    if (difference !== 0) return difference;
  }
  return Number(b.endsWith('-unsigned')) - Number(a.endsWith('-unsigned'));
}
