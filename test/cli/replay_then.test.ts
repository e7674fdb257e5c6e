import { faultline, replayArguments } from './terminal';

const cell = ['mprotect-during-writeback-nouffd', 'page-dirty-check'];

/** The token of the run that `explain` draws. */
async function witness(): Promise<string> {
  const { stdout } = await faultline(['explain', ...cell]);
  return replayArguments(stdout).at(-1)!;
}

test('every run that begins like a witness up to its switch breaks the same', async () => {
  const token = await witness();
  const prefix = /^[a-z]\d*[a-z]\d*/.exec(token)![0];
  const { code, stdout } = await faultline(['replay', ...cell, prefix, '--then', 'explore']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^onward {3}breaks: file-notified \(\d+ runs begin like\s+this\)$/m);
  const again = replayArguments(stdout.slice(stdout.indexOf('\nonward '))).at(-1)!;
  expect(again.startsWith(/^[a-z]\d*[a-z]/.exec(prefix)![0])).toBe(true);
  expect((await faultline(['replay', ...cell, again])).stdout).toContain('broken   file-notified');
});

test('from the beginning it finds what explain finds', async () => {
  const { stdout } = await faultline(['replay', ...cell, '0', '--then', 'explore']);
  expect(stdout).toMatch(/^onward {3}breaks: file-notified/m);
});

test('a schedule of another version is not gone on from', async () => {
  const { code, stdout } = await faultline(['replay', ...cell, 'b-000000', '--then', 'explore']);
  expect(stdout).not.toContain('onward');
  expect(code).toBe(65);
});

test('a run shows who releases what', async () => {
  const { stdout } = await faultline(['explain', ...cell, '--width', '100']);
  expect(stdout).toMatch(/ptl {2}free -> held by flusher[\s\S]*ptl {2}held by flusher -> free/);
  expect(stdout).toMatch(/mmap_sem {2}written by main -> free/);
});

test('the run of a survivor enters the window', async () => {
  const { stdout } = await faultline(['explain', 'thp-partial', 'uffd-wp-bit', '--full']);
  expect(stdout).toContain('handle_userfault()');
});
