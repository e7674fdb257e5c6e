/** Programs that stand in for QEMU and the compiler, in a folder that is all of PATH. */
import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { folder, put } from '../cli/terminal';

const shell = '/bin/sh';
const folders: string[] = [];
afterAll(() => {
  for (const path of folders) rmSync(path, { recursive: true });
});

/** @returns the environment in which they are the only ones */
export function programs(named: Record<string, string>): Record<string, string> {
  const path = folder();
  folders.push(path);
  for (const [name, text] of Object.entries(named)) {
    chmodSync(put(path, name, `#!${shell}\n${text}`), 0o755);
  }
  return { PATH: path, XDG_CACHE_HOME: join(path, 'cache'), HOME: path };
}

/** A compiler that writes something where it is told to. */
export const compiler = 'while [ "$1" != -o ]; do shift; done; echo agent > "$2"';

/** QEMU, with its report and what it writes to the guest's console. */
export function qemu(report: string, console: string, then = ''): Record<string, string> {
  return programs({ cc: compiler, 'qemu-system-x86_64': booting(report, console, then) });
}

/** What such a QEMU does. */
export function booting(report: string, console: string, then = ''): string {
  const file = `for word in "$@"; do case "$word" in file:*) console="$\{word#file:}";; esac; done`;
  return `${file}\n/bin/cat > "$console" <<'END'\n${console}\nEND\n/bin/cat <<'END'\n${report}\nEND\n${then}`;
}

/** Enough of a bzImage to be taken for one. */
export const bzImage = `${' '.repeat(0x202)}HdrS and more`;
