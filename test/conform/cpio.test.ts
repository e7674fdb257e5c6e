import { execFileSync, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { type CpioEntry, cpio, DIRECTORY, REGULAR } from '../../src/conform/cpio';

/** Reads the "newc" form by its own description. */
function entriesOf(archive: Buffer): { name: string; mode: number; data: Buffer }[] {
  const entries = [];
  for (let at = 0; ; ) {
    expect(archive.toString('latin1', at, at + 6)).toBe('070701');
    const field = (i: number): number =>
      Number.parseInt(archive.toString('latin1', at + 6 + 8 * i, at + 14 + 8 * i), 16);
    const [mode, size, nameSize] = [field(1), field(6), field(11)];
    const name = archive.toString('utf8', at + 110, at + 110 + nameSize - 1);
    const start = at + Math.ceil((110 + nameSize) / 4) * 4;
    if (name === 'TRAILER!!!') return entries;
    entries.push({ name, mode, data: archive.subarray(start, start + size) });
    at = start + Math.ceil(size / 4) * 4;
  }
}

const entries = fc.uniqueArray(
  fc.record({
    name: fc.stringMatching(/^[a-z][a-z0-9_-]{0,20}$/),
    mode: fc.constantFrom(REGULAR | 0o644, REGULAR | 0o755),
    data: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  }),
  { selector: ({ name }) => name, maxLength: 12 },
);

test('what is written is read again', () => {
  fc.assert(
    fc.property(entries, (written: CpioEntry[]) => {
      expect(entriesOf(cpio(written))).toEqual(written);
    }),
  );
});

const program = spawnSync('cpio', ['--version']).error ? null : 'cpio';
if (!program) process.stderr.write('skipped: no cpio here to read an archive with\n');

(program ? test : test.skip)('cpio itself reads it', () => {
  const archive = cpio([
    { name: 'dev', mode: DIRECTORY | 0o755, data: Buffer.alloc(0) },
    { name: 'dev/odd', mode: REGULAR | 0o644, data: Buffer.from('x') },
    { name: 'init', mode: REGULAR | 0o755, data: Buffer.alloc(5000) },
  ]);
  const listed = execFileSync('cpio', ['-tv', '--quiet'], { input: archive, encoding: 'utf8' });
  expect(
    listed
      .trim()
      .split('\n')
      .map((line) => [line.split(/ +/)[0], line.split(' ').at(-1)]),
  ).toEqual([
    ['drwxr-xr-x', 'dev'],
    ['-rw-r--r--', 'dev/odd'],
    ['-rwxr-xr-x', 'init'],
  ]);
});
