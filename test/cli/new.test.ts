import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { listWith } from '../../src/compare/new_variant';
import { decodedSubject, eml } from '../mail/sample';
import { faultline, folder, put } from './terminal';

const place = folder();
const top = join(__dirname, '..', '..');
const mail = put(place, 'proposal.eml', eml);

/** What tsc says of a file that imports the package. */
function typeErrors(file: string): string[] {
  const program = ts.createProgram([file], {
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2022.d.ts'],
    module: ts.ModuleKind.Node16,
    moduleResolution: ts.ModuleResolutionKind.Node16,
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    esModuleInterop: true,
    skipLibCheck: true,
    noEmit: true,
    types: ['node'],
    typeRoots: [join(top, 'node_modules', '@types')],
    paths: { faultline: [join(top, 'src', 'index.ts')] },
  });
  return ts
    .getPreEmitDiagnostics(program)
    .map(
      ({ file: of, messageText }) => `${of?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );
}

/** A patch of a function that linux-6.12 has, and that calls one of another file there. */
const rangeMail = `From: A Reader <reader@example.org>
Date: Thu, 26 Nov 2026 10:11:12 +0100
Subject: [PATCH] userfaultfd: leave RW to the next fault
Message-ID: <20261126101112.7-reader@example.org>

---
 mm/userfaultfd.c | 2 --
 1 file changed, 2 deletions(-)

diff --git a/mm/userfaultfd.c b/mm/userfaultfd.c
--- a/mm/userfaultfd.c
+++ b/mm/userfaultfd.c
@@ -923,6 +923,4 @@ long uffd_wp_range(struct vm_area_struct *dst_vma,
 	 */
-	if (!enable_wp && vma_wants_manual_pte_write_upgrade(dst_vma))
-		mm_cp_flags |= MM_CP_TRY_CHANGE_WRITABLE;
 	tlb_gather_mmu(&tlb, dst_vma->vm_mm);
 	ret = change_protection(&tlb, dst_vma, start, start + len, mm_cp_flags);
 	tlb_finish_mmu(&tlb);
`;

describe('new variant', () => {
  const file = join(place, 'my-fix.ts');

  test('makes a file from a mail that compiles, and behaves as its base', async () => {
    const made = await faultline(['new', 'variant', 'my-fix', '--mail', mail, '--output', file]);
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(made.stdout).toMatch(/^next: faultline check .*my-fix\.ts$/m);
    const text = readFileSync(file, 'utf8');
    const says = [
      `subject: '${decodedSubject}'`,
      "author: 'Zoë Maß'",
      "messageId: '<20200304071001.1-zoe@example.org>'",
      "date: '2020-03-03'",
      "touches: ['mm/mprotect.c:change_pte_range', 'mm/userfaultfd.c:mwriteprotect_range']",
      'the mail also changes mm/mprotect.c:change_pud_range()',
      '// mm/mprotect.c      |   5 +++--',
      '    // +\tif (dirty_accountable && pte_dirty(ptent))\n',
      '    *change_pte_range(k, vma, pmd, start, end, newprot, cp_flags) {',
    ];
    for (const one of says) expect(text).toContain(one);
    expect(typeErrors(file)).toEqual([]);

    const argv = ['--fixture', 'thp-partial', '--variant', 'uffd-wp-2018', '--variant', file];
    const compared = await faultline(['compare', '--jobs', '0', '--format', 'json', ...argv]);
    const [base, mine] = JSON.parse(compared.stdout).cells;
    expect({ ...mine, variant: 'uffd-wp-2018' }).toEqual(base);
  }, 60_000);

  test('makes one without a mail', async () => {
    const bare = join(place, 'bare.ts');
    const argv = ['new', 'variant', 'bare', '--base', 'linux-6.18', '--output', bare];
    expect((await faultline(argv)).code).toBe(0);
    expect(readFileSync(bare, 'utf8')).toContain("base: 'linux-6.18'");
    const compared = await faultline(['check', bare, '--fixture', 'base-dirty-4k', '--jobs', '0']);
    expect(compared).toMatchObject({ code: 0, stderr: '' });
  }, 60_000);

  test('takes along what a function has from another file of its kernel', async () => {
    const of612 = put(place, 'range.eml', rangeMail);
    const made = join(place, 'range.ts');
    const argv = ['new', 'variant', 'range', '--base', 'linux-6.12', '--mail', of612, '--output', made];
    expect((await faultline(argv)).code).toBe(0);
    const text = readFileSync(made, 'utf8');
    expect(text).toContain("touches: ['mm/userfaultfd.c:uffd_wp_range']");
    expect(text).toMatch(/^function vma_wants_manual_pte_write_upgrade\(/m);
    expect(text).not.toContain('notes:');
    expect(typeErrors(made)).toEqual([]);
    const fixtures = ['--fixture', 'unwp-then-write-4k', '--fixture', 'thp-partial'];
    const variants = ['--variant', 'linux-6.12', '--variant', made];
    const compared = await faultline([
      'compare',
      '--jobs',
      '0',
      '--format',
      'json',
      ...fixtures,
      ...variants,
    ]);
    const { cells } = JSON.parse(compared.stdout) as { cells: { variant: string }[] };
    const of = (variant: string): object[] =>
      cells.filter((cell) => cell.variant === variant).map((cell) => ({ ...cell, variant: '' }));
    expect(of('range')).toEqual(of('linux-6.12'));
    expect(of('range')).toHaveLength(2);
  }, 60_000);

  test('runs nothing that a mail says', async () => {
    const evil = eml
      .replace('=?utf-8?B?Wm/DqyBNYcOf?=', "x\u2028';throw 1;//")
      .replace('naïve: only', 'naïve*/\u2028throw 2;\u2029 only')
      .replace('<20200304071001.1-zoe@example.org>', "<'+process.exit(1)+'>");
    const made = join(place, 'evil.ts');
    const from = put(place, 'evil.eml', evil);
    expect((await faultline(['new', 'variant', 'evil', '--mail', from, '--output', made])).code).toBe(0);
    const argv = ['compare', '--jobs', '0', '--fixture', 'base-dirty-4k', '--variant', made];
    expect(await faultline(argv)).toMatchObject({ code: 0, stderr: '' });
  }, 60_000);

  test.each([
    { argv: ['mkwrite-reuse'], code: 64, says: 'there is a variant "mkwrite-reuse" already' },
    { argv: ['My Fix'], code: 64, says: '"My Fix" cannot name a variant' },
    { argv: ['my-fix', '--output', mail], code: 64, says: 'proposal.eml exists already' },
    { argv: ['my-fix', '--output', '/nonexistent/a.ts'], code: 64, says: 'no such file' },
    { argv: ['my-fix', '--base', 'uffd-wp-2081'], code: 64, says: 'did you mean "uffd-wp-2018"?' },
    { argv: ['my-fix', '--mail', join(place, 'none.eml')], code: 65, says: 'none.eml: no such file' },
    {
      argv: ['my-fix', '--mail', put(place, 'text.eml', 'From: a\nSubject: b\n\nno patch\n')],
      code: 65,
      says: 'text.eml:4:1: the mail has no patch',
    },
    {
      argv: ['my-fix', '--mail', put(place, 'cut.patch', eml.slice(0, -60))],
      code: 65,
      says: 'does not add up: the patch was cut',
    },
  ])('$argv: $code', async ({ argv, code, says }) => {
    const ended = await faultline(['new', 'variant', ...argv]);
    expect(ended.stderr).toContain(says);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(existsSync(join(top, 'src', 'variants', 'my-fix.ts'))).toBe(false);
  });
});

test('new fixture makes a file that runs', async () => {
  const file = join(place, 'my-race.yaml');
  expect((await faultline(['new', 'fixture', 'my-race', '--output', file])).code).toBe(0);
  expect(readFileSync(file, 'utf8')).toMatch(/^# yaml-language-server: \$schema=.*fixtures\/schema\.json\n/);
  const argv = ['compare', '--jobs', '0', '--fixture', file, '--variant', 'uffd-wp-2018'];
  const { code, stdout } = await faultline(argv);
  expect(stdout).toMatch(/^my-race +survives/m);
  expect(code).toBe(0);
}, 60_000);

test('listWith() keeps the list in order', () => {
  const list = readFileSync(join(top, 'src', 'variants', 'index.ts'), 'utf8');
  const listed = listWith(list, 'my-fix-2');
  expect(listed).toContain("import myFix2 from './my-fix-2';\nimport pageDirtyCheck from");
  expect(listed).toMatch(/\n {2}myFix2,\n\];\n$/);
  expect(listWith(list, 'zz')).toMatch(/\nimport zz from '\.\/zz';\n\nexport const variants/);
});
