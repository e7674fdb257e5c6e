/** The command line in this process: what it printed and how it ended. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main } from '../../src/cli/main';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Setting {
  readonly columns?: number;
  readonly env?: Record<string, string>;
  /** Interrupt when stderr shows that a cell is finished. */
  readonly interruptAt?: RegExp;
  /** Called after everything that is printed, with all of it so far. */
  readonly onPrinted?: (shown: { stdout: string; stderr: string }, interrupt: () => void) => void;
}

export async function faultline(argv: readonly string[], setting: Setting = {}): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  let interrupt = (): void => {};
  const terminal = setting.columns === undefined ? {} : { isTTY: true, columns: setting.columns };
  const code = await main(argv, {
    stdout: {
      ...terminal,
      write(text) {
        stdout += text;
        setting.onPrinted?.({ stdout, stderr }, () => interrupt());
      },
    },
    stderr: {
      isTTY: setting.interruptAt !== undefined,
      write(text) {
        stderr += text;
        if (setting.interruptAt?.test(text)) interrupt();
        setting.onPrinted?.({ stdout, stderr }, () => interrupt());
      },
    },
    env: setting.env ?? {},
    onInterrupt(stop) {
      interrupt = stop;
      return () => {
        interrupt = () => {};
      };
    },
  });
  return { code, stdout, stderr };
}

/** What a shell makes of the replay line in a drawing: the arguments of faultline. */
export function replayArguments(drawing: string): string[] {
  const [, line] = /^ *replay: faultline ((?:.*\\\n)*.*)$/m.exec(drawing) ?? [];
  return (line ?? '').replaceAll('\\\n', '').split(/ +/);
}

export const folder = (): string => mkdtempSync(join(tmpdir(), 'faultline-'));

/** Writes a file and tells its path. */
export function put(directory: string, name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

export const fixtureText = (name: string): string => `name: ${name}
asks: Can a written page be un-protected?
source: "<20180904075510.22338-1-peterx@redhat.com>"
memory:
  guest: { size: 16KiB, prot: rw }
start:
  - vcpu: write guest
  - monitor: uffd_register guest
  - monitor: uffd_protect guest
tasks:
  vcpu: ["write guest[1]"]
  monitor: [uffd_wait, "uffd_unprotect guest[1]"]
shows: [handle_userfault]
`;

export const variantText = (kernel: string, meta = "id: 'my-idea', base: 'uffd-wp-2018'"): string => `
import { defineVariant } from 'faultline';

export default defineVariant({
  meta: { ${meta} } as any,
  kernel: {
    ${kernel}
  },
});
`;
