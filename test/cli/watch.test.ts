import { writeFileSync } from 'node:fs';
import { faultline, fixtureText, folder, put, variantText } from './terminal';

const broken = variantText('*do_wp_pagee() {},');

/** What is done when all that was printed so far holds a text, one after the other. */
type Act = { readonly when: RegExp; readonly act: (interrupt: () => void) => void };

/** Interrupts after the last act, so that a test ends. */
async function acting(argv: readonly string[], acts: readonly Act[]) {
  let next = 0;
  return faultline([...argv, '--watch', '--jobs', '0'], {
    onPrinted({ stdout, stderr }, interrupt) {
      const act = acts[next];
      if (!act?.when.test(stdout + stderr)) return;
      next++;
      act.act(interrupt);
    },
  });
}

/** As many times as this a table was printed. */
const tables = (n: number): RegExp => new RegExp(`(The run behind a cell[\\s\\S]*){${n}}$`);
const stop: Act['act'] = (interrupt) => interrupt();

describe('--watch', () => {
  test('judges again what a changed variant touches, through a mistake, until it is interrupted', async () => {
    const place = folder();
    const idea = put(place, 'my-idea.ts', variantText(''));
    const fixture = put(place, 'written-page.yaml', fixtureText('written-page'));
    const other = 'return yield* k.wp_page_copy(vmf);';
    const { code, stdout, stderr } = await acting(
      ['compare', '--fixture', fixture, '--variant', idea, '--variant', 'uffd-wp-2018'],
      [
        { when: /watching; \^C ends/, act: () => writeFileSync(idea, broken) },
        {
          when: /did you mean "do_wp_page"/,
          act: () => writeFileSync(idea, variantText(`*do_wp_page(k, vmf) { ${other} },`)),
        },
        { when: tables(2), act: stop },
      ],
    );
    expect(stderr).toContain('my-idea.ts changed: 1 cell of 2 to be judged');
    expect(stderr).toContain(`${idea}:7:6: there is no kernel function "do_wp_pagee"`);
    expect(stdout).toMatch(tables(2));
    expect(code).toBe(130);
  }, 60_000);

  test('judges all variants on a changed fixture, and on no other', async () => {
    const place = folder();
    const first = put(place, 'first.yaml', fixtureText('first'));
    const second = put(place, 'second.yaml', fixtureText('second'));
    const { code, stdout, stderr } = await acting(
      ['check', 'uffd-wp-2018', 'page-dirty-check', '--fixture', first, '--fixture', second],
      [
        {
          when: /watching/,
          act: () => writeFileSync(second, fixtureText('second').replace('16KiB', '8KiB')),
        },
        { when: tables(2), act: stop },
      ],
    );
    expect(stderr).toContain('second.yaml changed: 2 cells of 4 to be judged');
    expect(stdout.match(/^first +survives/gm)).toHaveLength(2);
    expect(code).toBe(130);
  }, 60_000);

  test('sees a change of a file that a variant imports', async () => {
    const place = folder();
    const part = put(place, 'part.ts', "export const id: string = 'my-idea';\n");
    const text = variantText('', "id, base: 'uffd-wp-2018'").replace(
      "'faultline';",
      "'faultline';\nimport { id } from './part';",
    );
    const idea = put(place, 'my-idea.ts', text);
    const fixture = put(place, 'written-page.yaml', fixtureText('written-page'));
    const { stdout } = await acting(
      ['compare', '--fixture', fixture, '--variant', idea],
      [
        { when: /watching/, act: () => writeFileSync(part, "export const id: string = 'other';\n") },
        { when: /^fixture +other/m, act: stop },
      ],
    );
    expect(stdout).toMatch(/^fixture +my-idea[\s\S]*^fixture +other/m);
  }, 60_000);

  test('waits for nothing that a command line got wrong', async () => {
    const { code, stderr } = await acting(['compare', '--variant', 'uffd-wp-2081'], []);
    expect(stderr).toContain('did you mean "uffd-wp-2018"?');
    expect(code).toBe(64);
  });
});
