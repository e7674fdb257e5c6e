import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv';
import { columns } from '../../src/report/screen';
import { faultline, fixtureText, folder, put, variantText } from './terminal';

const place = folder();
const fixture = put(place, 'written-page.yaml', fixtureText('written-page'));
const idea = put(
  place,
  'my-idea.ts',
  variantText(`*do_wp_page(k, vmf) {
      if (mayRetry(vmf.flags)) yield* k.flush_tlb_page(vmf.vma.vm_mm, vmf.address);
      return yield* k.wp_page_copy(vmf);
    },`).replace('export default', 'const mayRetry = (flags: number): boolean => flags > 0;\nexport default'),
);
const diff = (...more: string[]) => faultline(['diff', ...more, '--jobs', '0', '--width', '100']);

describe('diff', () => {
  test('shows functions, verdicts, the step, the condition that decided, the end and the cost', async () => {
    const argv = ['dirty-accountable-false', 'page-dirty-check', '--fixture', 'thp-partial'];
    const { code, stdout, stderr } = await diff(...argv);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const says = [
      /^--- a\/src\/variants\/dirty-accountable-false\.ts:\d+$/m,
      /^@@ .* @@ change_pte_range\(\)$/m,
      /^\+ +if \(yield\* k\.PageDirty\(k\.pte_page\(ptent\)\)\) ptent = e\.pte_mkdirty\(ptent\);$/m,
      /^thp-partial +SIGBUS +survives$/m,
      /^where they part: thp-partial, schedule \w+-[0-9a-f]{6}$/m,
      /^ {2}page-dirty-check, step \d+: monitor: PageDirty page \d+ flags$/m,
      /^ {6}it asks, src\/variants\/page-dirty-check\.ts:\d+: yield\* k\.PageDirty/m,
      /^ {4}page-dirty-check: monitor: pte guest\[5\] .* -> \d+ P-WDAS--$/m,
      /^-vcpu: \*\*\* SIGBUS at guest\[5\]/m,
    ];
    for (const one of says) expect(stdout).toMatch(one);
  }, 60_000);

  test("compares a user's own file, with the functions that it calls", async () => {
    const { code, stdout } = await diff('uffd-wp-2018', idea, '--fixture', fixture);
    expect(code).toBe(0);
    expect(stdout).toContain(' *do_wp_page(k, vmf) {');
    expect(stdout).toContain('+mayRetry(flags) => flags > 0');
    expect(stdout).toMatch(/it asks, .*my-idea\.ts:\d+: mayRetry\(vmf\.flags\)/);
  }, 60_000);

  test.each([
    {
      argv: ['dirty-accountable-false', 'page-dirty-check', '--fixture', 'thp-partial'],
      at: expect.any(Number),
    },
    { argv: ['uffd-wp-2018', 'uffd-wp-bit', '--fixture', fixture], at: expect.any(Number) },
    {
      argv: [
        'uffd-wp-2018',
        put(place, 'copy.ts', variantText('', "id: 'copy', base: 'uffd-wp-2018'")),
        '--fixture',
        fixture,
      ],
      at: null,
    },
  ])(
    '$argv as JSON is as the schema says',
    async ({ argv, at }) => {
      const { code, stdout } = await diff(...argv, '--format', 'json');
      const value = JSON.parse(stdout);
      const schema = JSON.parse(
        readFileSync(join(__dirname, '../../schemas/difference.schema.json'), 'utf8'),
      );
      const validate = new Ajv({ strict: true, allowUnionTypes: true, allErrors: true }).compile(schema);
      validate(value);
      expect(validate.errors ?? []).toEqual([]);
      expect(validate({ ...value, divergences: [{ ...value.divergences[0], end: null }] })).toBe(false);
      expect(value).toMatchObject({
        format: 'faultline-difference',
        version: 1,
        compared: 1,
        divergences: [{ at }],
      });
      // What text says of it, the JSON says as well.
      const text = (await diff(...argv)).stdout;
      for (const { diff: hunk } of value.functions) expect(text).toContain(hunk);
      expect(text).toContain(`schedule ${value.divergences[0].schedule}`);
      expect(code).toBe(0);
    },
    60_000,
  );

  test('says where nothing differs', async () => {
    const same = put(place, 'same.ts', variantText('', "id: 'same', base: 'uffd-wp-2018'"));
    const { stdout } = await diff('uffd-wp-2018', same, '--fixture', fixture);
    expect(stdout).toContain('uffd-wp-2018 and same run the same functions.');
    expect(stdout).toContain('verdicts that differ (0 of 1 fixtures)');
    expect(stdout).toMatch(/Both take the same \d+ steps, to the same end\./);
    expect(stdout).toMatch(/^difference +=( +=)+$/m);
  }, 60_000);

  test('shows what differs only after the race', async () => {
    const later = put(
      place,
      'later.yaml',
      `${fixtureText('written-page').replace(/\ntasks:[\s\S]*/, '')}
tasks:
  vcpu: [read guest]
finally:
  - vcpu: write guest
shows: []
`.replace(/^name: .*/m, 'name: later'),
    );
    const { stdout } = await diff('uffd-wp-2018', idea, '--fixture', later);
    expect(stdout).toMatch(/Both take the same \d+ steps; what follows differs\./);
    expect(stdout).toMatch(/^\+vcpu: \*\*\* spinlock recursion: ptl taken twice$/m);
  }, 60_000);

  test('names the first step before the race that differs', async () => {
    const { stdout } = await diff('linux-6.1', 'linux-6.12', '--fixture', 'unwp-then-write-4k');
    expect(stdout).toMatch(/^ {2}already in the steps before the race:\n {4}linux-6\.1: .*P--DAS--$/m);
    expect(stdout).toMatch(
      /^ {4}linux-6\.12: monitor: uffd_unprotect guest: pte guest\[0\] .*-> \d+ P-WDAS--$/m,
    );
  }, 60_000);

  test('keeps to the width, but for what is source text', async () => {
    const { stdout } = await diff('linux-5.9', 'linux-5.12', '--fixture', 'unprotect-beside-stale-writer');
    const part = stdout.slice(stdout.indexOf('verdicts that differ'), stdout.indexOf('--- end of'));
    for (const line of part.split('\n')) expect(columns(line)).toBeLessThanOrEqual(100);
  }, 60_000);

  test.each([
    { argv: ['uffd-wp-2018'], code: 64, says: "missing required argument 'other'" },
    { argv: ['uffd-wp-2018', 'uffd-wp-2081'], code: 64, says: 'did you mean "uffd-wp-2018"?' },
    { argv: ['uffd-wp-2018', 'uffd-wp-2018'], code: 64, says: 'named twice' },
  ])('$argv: $code', async ({ argv, code, says }) => {
    const ended = await diff(...argv);
    expect(ended.stderr).toContain(says);
    expect(ended.code).toBe(code);
  });
});
