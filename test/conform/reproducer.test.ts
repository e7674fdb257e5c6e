/** The C programs of `explain --c`: that they compile without a warning, what they say here, and that they notice. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTool } from '../../src/conform/child';
import { findProgram, withTemporary } from '../../src/conform/place';
import { faultline, folder, put } from '../cli/terminal';

const compiler = findProgram(process.env, 'cc', 'gcc', 'clang');

async function program(fixture: string, variant: string): Promise<string> {
  const { code, stdout, stderr } = await faultline(['explain', fixture, variant, '--c']);
  expect({ code, stderr: stderr.replace(/^faultline: .* many times\.\n$/, '') }).toEqual({
    code: 0,
    stderr: '',
  });
  return stdout;
}

interface Ran {
  readonly code: number | null;
  readonly lines: readonly string[];
}

/** Null without a compiler, which is said. */
async function run(text: string): Promise<Ran | null> {
  if (!compiler) {
    process.stderr.write('skipped: no C compiler (cc, gcc or clang)\n');
    return null;
  }
  return await withTemporary(async (cwd) => {
    const source = put(cwd, 'reproducer.c', text);
    const flags = ['-O2', '-Wall', '-Werror', '-pthread', '-o', join(cwd, 'reproducer'), source];
    const built = await runTool(compiler, flags, { env: process.env, seconds: 60 });
    expect(built).toEqual({ code: 0, stdout: '', stderr: '' });
    const ran = await runTool(join(cwd, 'reproducer'), [], { env: process.env, seconds: 60, cwd });
    const lines = ran.stdout.split('\n').filter((line) => line !== '');
    if (ran.code === 4) process.stderr.write(`skipped, as the program says: ${lines.at(-1)}\n`);
    return { code: ran.code, lines };
  });
}

/** An old kernel may break as the model of it does; the oldest that passes all is 6.1. */
const isFixed = /^([7-9]|[1-9]\d|6\.[1-9])/.test(readFileSync('/proc/sys/kernel/osrelease', 'utf8'));

test.each([
  ['base-dirty-4k', 'dirty-accountable-false', 'a monitor that serves'],
  ['thp-partial', 'uffd-wp-2018', 'one page of a huge one'],
  ['fork-cow-4k', 'uffd-wp-2018', 'values that a child and its parent read'],
  ['mprotect-plain-nouffd', 'uffd-wp-2018', 'one thread, and a SIGSEGV that has to come'],
  ['dontneed-protected', 'linux-6.1', 'a page that was given back'],
  ['fork-event-protected', 'uffd-wp-bit', 'a userfaultfd that a message brings, and semaphores'],
  ['munmap-while-waiting', 'linux-6.18', 'a thread that is woken to nothing'],
  ['gup-write-protected', 'uffd-wp-2018', 'two processes'],
  ['unprotect-beside-writer', 'uffd-wp-2018', 'threads that race'],
  ['stress-10000-unwp', 'uffd-wp-2018', 'a repetition'],
])(
  '%s of %s: %s',
  async (fixture, variant) => {
    const text = await program(fixture, variant);
    expect(text).toContain(`faultline replay ${fixture} ${variant} `);
    const ran = await run(text);
    if (!ran || !isFixed) return;
    const failed = ran.lines.filter((line) => line.startsWith('not ok') || line.startsWith('# page'));
    expect({ failed, code: ran.code }).toEqual({ failed: [], code: ran.code === 4 ? 4 : 0 });
    expect(ran.lines[0]).toBe('TAP version 13');
    if (ran.code === 4) expect(ran.lines[1]).toMatch(/^1\.\.0 # SKIP ./);
    else
      expect(ran.lines.filter((line) => line.startsWith('ok '))).toHaveLength(Number(ran.lines[1]!.slice(3)));
  },
  240_000,
);

/** One change, which the text must hold exactly once. */
function changed(text: string, from: RegExp, to: string): string {
  expect(text.match(new RegExp(from, 'g'))).toHaveLength(1);
  return text.replace(from, to);
}

test.each([
  {
    what: 'nobody answers: the writer never gets on',
    fixture: 'base-dirty-4k',
    from: /STEP\(\d+, serve\(.*/,
    to: 'if (0) serve(UFFD, 0, 0, 0);',
    says: /^# has not ended after 1 seconds\nnot ok 4 vcpu: write guest\[0\]$/m,
  },
  {
    what: 'the store gets the SIGBUS of the thread of 2018, here by the feature of that name',
    fixture: 'base-dirty-4k',
    from: /open_uffd\(UFFD, 0\)/,
    to: 'open_uffd(UFFD, UFFD_FEATURE_SIGBUS)',
    says: /^# SIGBUS at 0x100000000000\nnot ok 4 vcpu: write guest\[0\]\n[\s\S]*^# not performed, .*\nnot ok 6 /m,
  },
  {
    what: 'nothing was protected: no message comes',
    fixture: 'base-dirty-4k',
    from: /4, UFFDIO_WRITEPROTECT_MODE_WP\)/,
    to: '4, 0)',
    says: /^# page 0: 0 messages, not 1\nnot ok 8 messages of writes to protected guest\[0\.\.1\]$/m,
  },
  {
    what: 'another value is read than the one that is looked for',
    fixture: 'fork-cow-4k',
    from: /\{ 6, 0, 0, STORED\(1, 0\), 0 \}/,
    to: '{ 6, 0, 0, STORED(4, 0), 0 }',
    says: /^# page 0 holds 0x200000, stored by parent: write guest\[0\], not .*\nnot ok 7 child: read guest\[0\]$/m,
  },
  {
    what: 'another value is left than the one that is looked for',
    fixture: 'base-dirty-4k',
    from: /\{ 8, 0, 0, STORED\(5, 0\), 0 \}/,
    to: '{ 8, 0, 0, STORED(3, 0), 0 }',
    says: /^# page 0 holds 0x600000, stored by vcpu: write guest\[0\], not .*\nnot ok 9 contents of guest in the end$/m,
  },
  {
    what: 'a store that has to end in SIGSEGV does not',
    fixture: 'mprotect-plain-nouffd',
    from: /protect\(guest_at, 1024, PROT_READ\)/,
    to: 'protect(guest_at, 1024, PROT_READ | PROT_WRITE)',
    says: /^# success, not SIGSEGV\nnot ok 4 vcpu: write guest\[0\]$/m,
  },
])(
  'it notices: $what',
  async ({ fixture, from, to, says }) => {
    const text = changed(await program(fixture, 'uffd-wp-2018'), /#define LIMIT 10/, '#define LIMIT 1');
    const ran = await run(changed(text, from, to));
    if (!ran || ran.code === 4) return;
    expect(ran.lines.join('\n')).toMatch(says);
    expect(ran.code).toBe(1);
  },
  240_000,
);

test.each([
  [
    'unregister-while-waiting',
    'linux-6.18, too, breaks waiters-are-woken',
    ['not ok 4 vcpu: write guest[0]'],
  ],
  ['protect-while-waiting', 'Not asked for: that "vcpu: write guest[0]" ends.', []],
])(
  'a step of %s that never ends in the newest release either: %s',
  async (fixture, note, failed) => {
    const text = changed(await program(fixture, 'linux-6.18'), /#define LIMIT 10/, '#define LIMIT 1');
    expect(text.replaceAll('\n *  ', '')).toContain(note);
    const ran = await run(text);
    if (!ran || !isFixed || ran.code === 4) return;
    expect(ran.lines.filter((line) => line.startsWith('not ok'))).toEqual(failed);
    expect(ran.code).toBe(failed.length > 0 ? 1 : 0);
  },
  240_000,
);

test('what user space cannot force is said in the program and beside it', async () => {
  const { stdout, stderr } = await faultline(['explain', 'copy-late-wake', 'uffd-wp-2018', '--c']);
  const race = /User space cannot force this run: it stops "vcpu: write guest\[0\]" in the middle/;
  expect(stdout.replaceAll('\n *  ', '')).toMatch(race);
  expect(stderr).toMatch(race);
  expect(stdout).toContain('#define ROUNDS 1000');
  expect(stdout).not.toContain('after(');
});

test.each(['base-dirty-4k', 'fork-cow-4k'])('%s is done once, in the order of the run', async (fixture) => {
  const text = await program(fixture, 'dirty-accountable-false');
  expect(text).toContain('#define ROUNDS 1\n');
  expect(text).toMatch(/\tafter\(\d+\);\n\tSTEP\(\d+, serve\(/);
});

test.each([
  [
    'numa-hint-4k',
    /^.*numa-hint-4k\.yaml:\d+:\d+: numa_scan is no step of a C program: when .*; allowed: .*\n$/,
  ],
  ['ksm', /^.*ksm\.yaml:\d+:\d+: ksm_run is no step of a C program: .*\n$/],
  ['pfnmap-mprotect-nouffd', /^.*:\d+:\d+: a C program has no file of kind device; allowed: fs, shmem\n$/],
])('%s cannot be one', async (fixture, message) => {
  const { code, stdout, stderr } = await faultline(['explain', fixture, 'linux-6.18', '--c']);
  expect({ code, stdout }).toEqual({ code: 65, stdout: '' });
  expect(stderr).toMatch(message);
});

test('--output takes the program', async () => {
  const file = join(folder(), 'base.c');
  const { code, stdout } = await faultline([
    'explain',
    'base-dirty-4k',
    'uffd-wp-2018',
    '--c',
    '--output',
    file,
  ]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(readFileSync(file, 'utf8')).toMatch(/^\/\/ SPDX-License-Identifier: MIT\n\/\*\n \* base-dirty-4k: /);
});
